//! Flows of Open vSwitch, as `ovs-ofctl dump-flows` prints them.

use super::Misread;

/// A flow of a bridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// The OpenFlow table.
    pub table: u8,
    /// The higher wins.
    pub priority: u16,
    /// Packets that it has matched.
    pub packets: u64,
    /// The fields it matches, without its priority.
    pub matches: Vec<String>,
    /// What is done, as it is written.
    pub actions: String,
    /// The line, without what changes from look to look.
    pub text: String,
}

/// The priority of flows that say none (ovs-ofctl(8)).
const USUAL_PRIORITY: u16 = 32768;

/// What else is told of a flow and is none of its match.
const OF_NO_INTEREST: [&str; 8] = [
    "cookie",
    "duration",
    "n_bytes",
    "idle_age",
    "hard_age",
    "idle_timeout",
    "hard_timeout",
    "importance",
];

/// The flows that `answer` tells of.
pub fn flows(answer: &[u8]) -> Result<Vec<Flow>, Misread> {
    let answer = String::from_utf8_lossy(answer);
    let lines = answer.lines().filter(|line| line.contains("actions="));
    lines
        .map(|line| flow(line).ok_or_else(|| Misread::new("no flow", line)))
        .collect()
}

/// ` cookie=0x0, duration=1.2s, table=0, n_packets=3, n_bytes=230, priority=10,arp,in_port=1 actions=output:2`
fn flow(line: &str) -> Option<Flow> {
    let (left, actions) = line.trim().split_once("actions=")?;
    let mut flow = Flow {
        table: 0,
        priority: USUAL_PRIORITY,
        packets: 0,
        matches: Vec::new(),
        actions: actions.to_owned(),
        text: String::new(),
    };
    for word in left.split([',', ' ']).filter(|word| !word.is_empty()) {
        match word.split_once('=') {
            Some(("table", table)) => flow.table = table.parse().ok()?,
            Some(("priority", priority)) => flow.priority = priority.parse().ok()?,
            Some(("n_packets", packets)) => flow.packets = packets.parse().ok()?,
            Some((of_no_interest, _)) if OF_NO_INTEREST.contains(&of_no_interest) => {}
            _ => flow.matches.push(word.to_owned()),
        }
    }
    flow.text = format!(
        "table={}, n_packets={}, priority={}{}{} actions={actions}",
        flow.table,
        flow.packets,
        flow.priority,
        if flow.matches.is_empty() { "" } else { "," },
        flow.matches.join(","),
    );
    Some(flow)
}

#[cfg(test)]
mod tests {
    use super::{Flow, flows};

    #[test]
    fn flows_are_read_out_of_what_is_printed() {
        let answer = b"NXST_FLOW reply (xid=0x4):\n \
            cookie=0x0, duration=12.3s, table=0, n_packets=4, n_bytes=280, idle_age=3, \
            priority=100,arp,in_port=1 actions=output:2,resubmit(,10)\n \
            cookie=0x0, duration=12.3s, table=10, n_packets=0, n_bytes=0, actions=NORMAL\n";
        let first = Flow {
            table: 0,
            priority: 100,
            packets: 4,
            matches: vec!["arp".into(), "in_port=1".into()],
            actions: "output:2,resubmit(,10)".into(),
            text: "table=0, n_packets=4, priority=100,arp,in_port=1 actions=output:2,resubmit(,10)"
                .into(),
        };
        let read = flows(answer).unwrap();
        assert_eq!(read[0], first);
        assert_eq!((read[1].table, read[1].priority), (10, 32768));
        assert!(read[1].matches.is_empty(), "{read:?}");
        assert!(flows(b"table=x actions=drop").is_err());
    }
}
