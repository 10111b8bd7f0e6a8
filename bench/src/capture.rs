//! Captures that lose nothing, and how soon they are judged.

use std::error::Error;
use std::time::{Duration, Instant};

use netns::ns::NetNs;
use netns::packet::{Buffer, Capture, CaptureOptions, Traffic};
use serde_json::Value;

use crate::figure::Figure;
use crate::lab::{CallError, Heard, Labgen};

/// Frames that are captured at once in three seconds.
const MANY: &str = "300000";
/// Frames of a capture that is judged at once.
const FEW: &str = "10000";

/// How long 300,000 frames at 100,000 a second take to be sent, every one of which must be in the capture.
pub fn lossless(
    labgen: &Labgen,
    runs: usize,
    show: &mut dyn FnMut(Figure),
) -> Result<(), CallError> {
    let mut sent = Vec::new();
    let mut known = Vec::new();
    for _ in 0..runs {
        let heard = run(labgen, MANY)?;
        sent.push(took(&heard, 2)? / 1e6);
        known.push(took(&heard, 3)? / 1e3);
    }
    let figure = |name: &str, unit, aim, values| Figure {
        name: name.into(),
        unit,
        values,
        aim: Some(aim),
        other: None,
    };
    // A frame that is lost fails the run.
    show(figure(
        "300,000 frames, each captured: sent in",
        "s",
        3.1,
        sent,
    ));
    show(figure(
        "300,000 frames: judged, once sent",
        "ms",
        3000.0,
        known,
    ));
    Ok(())
}

/// How long a capture of 10,000 packets takes to be judged.
pub fn judge(labgen: &Labgen, runs: usize, show: &mut dyn FnMut(Figure)) -> Result<(), CallError> {
    let mut judged = Vec::new();
    for _ in 0..runs {
        judged.push(took(&run(labgen, FEW)?, 4)? / 1e3);
    }
    show(Figure {
        name: "a capture of 10,000 packets: judged".into(),
        unit: "ms",
        values: judged,
        aim: Some(100.0),
        other: None,
    });
    Ok(())
}

fn run(labgen: &Labgen, count: &str) -> Result<Vec<Heard>, CallError> {
    let own = std::env::current_exe();
    let own = own.map_err(|_| CallError::Lacks("path of this program".into()))?;
    let bench = format!("bench={}", own.display());
    let count = format!("count={count}");
    let scenario = labgen.scenario("capture.toml");
    labgen.events(&["run", "--json", "--set", &bench, "--set", &count, &scenario])
}

/// What a step took, in microseconds.
fn took(heard: &[Heard], step: u64) -> Result<f64, CallError> {
    let at = |name: &str| {
        let of_step = |event: &Value| event["step"] == step;
        let found = crate::lab::find(heard, name, of_step)?;
        let at = found.event["at"].as_f64();
        at.ok_or_else(|| CallError::Lacks(format!("time of `{name}`")))
    };
    Ok(at("step-passed")? - at("step-started")?)
}

/// Sends `count` numbered echoes in VXLAN out of an interface of this namespace, `rate` a second: each when it is
/// due, those that are overdue at once.
pub fn blast(interface: &str, rate: u32, count: u32) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        // It only sends: nothing that it could catch ever comes.
        let options = CaptureOptions {
            buffer: Buffer::Queue(4096),
            only: vec![Traffic::Mpls],
            ..CaptureOptions::default()
        };
        let sender = Capture::open(&NetNs::current()?, interface, &options)?;
        let mut frame = echo();
        let seq_at = frame.len() - 10;
        let began = Instant::now();
        for number in 0..count {
            let due = Duration::from_secs(1) * number / rate.max(1);
            while began.elapsed() < due {
                std::hint::spin_loop();
            }
            frame[seq_at..seq_at + 2].copy_from_slice(&(number as u16).to_be_bytes());
            sender.send(&frame).await?;
        }
        Ok(())
    })
}

/// An echo request from 12.11.11.1 to 12.11.11.2 in VXLAN, its sequence number ten octets before the end.
fn echo() -> Vec<u8> {
    let icmp = [&[8, 0, 0, 0, 0, 7, 0, 0][..], b"12345678"].concat();
    let inner = ipv4([12, 11, 11, 1], [12, 11, 11, 2], 1, &icmp);
    let vxlan = [&[8, 0, 0, 0, 0, 0, 79, 0][..], &ethernet(&inner)].concat();
    let length = (8 + vxlan.len()) as u16;
    let ports = [49152_u16.to_be_bytes(), 4789_u16.to_be_bytes()].concat();
    let udp = [&ports[..], &length.to_be_bytes(), &[0, 0], &vxlan].concat();
    ethernet(&ipv4([10, 0, 0, 1], [10, 0, 0, 2], 17, &udp))
}

fn ethernet(payload: &[u8]) -> Vec<u8> {
    [&[0xff; 6][..], &[2, 0, 0, 0, 0, 1, 8, 0], payload].concat()
}

fn ipv4(src: [u8; 4], dst: [u8; 4], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let length = (20 + payload.len()) as u16;
    let start = [&[0x45, 0][..], &length.to_be_bytes()].concat();
    let rest = [0, 0, 0, 0, 64, protocol, 0, 0];
    [&start[..], &rest, &src, &dst, payload].concat()
}
