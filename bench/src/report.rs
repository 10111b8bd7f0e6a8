//! What it takes to make the report of a run with 10,000 packets, and to open it.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::figure::{Figure, Other};
use crate::lab::{CallError, LAB, Labgen};
use crate::others::installed;

/// Measures, and shows each figure.
pub fn measure(
    labgen: &Labgen,
    runs: usize,
    show: &mut dyn FnMut(Figure),
) -> Result<(), CallError> {
    let scratch = std::env::temp_dir().join(format!("bench-report-{}", std::process::id()));
    let measured = within(&scratch, labgen, runs, show);
    // Nothing depends on either being gone.
    let _ = labgen.call(&["down", LAB, "--purge"]);
    let _ = fs::remove_dir_all(scratch);
    measured
}

fn within(
    scratch: &Path,
    labgen: &Labgen,
    runs: usize,
    show: &mut dyn FnMut(Figure),
) -> Result<(), CallError> {
    let evidence = scratch.join("evidence");
    let dir = evidence.display().to_string();
    labgen.call(&["run", &labgen.scenario("report.toml"), "--out", &dir])?;
    let mut made = Vec::new();
    for _ in 0..runs {
        let (took, _) = labgen.call(&["report", &dir])?;
        made.push(took.as_secs_f64() * 1000.0);
    }
    let figure = |name: &str, values, other| Figure {
        name: name.into(),
        unit: "ms",
        aim: Some(1000.0),
        values,
        other,
    };
    show(figure("report of 10,000 packets, every form", made, None));
    let browsers = ["chromium", "chromium-headless-shell"];
    let name = "its page: from the click to the last line drawn";
    match browsers.into_iter().find(|browser| installed(browser)) {
        None => {
            let told = Other::Told("chromium is not installed".into());
            show(figure(name, Vec::new(), Some(told)));
        }
        Some(browser) => {
            let mut loaded = Vec::new();
            for _ in 0..runs {
                loaded.push(load(browser, scratch)?);
            }
            show(figure(name, loaded, None));
        }
    }
    Ok(())
}

/// What the page says of its own loading, in milliseconds since it was asked for.
fn load(browser: &str, scratch: &Path) -> Result<f64, CallError> {
    let page = scratch.join("evidence/report.html");
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu"])
        .arg(format!(
            "--user-data-dir={}",
            scratch.join("profile").display()
        ))
        .arg("--dump-dom")
        .arg(format!("file://{}", page.display()))
        .output()
        .map_err(|source| CallError::Start {
            program: browser.into(),
            source,
        })?;
    let shown = String::from_utf8_lossy(&output.stdout);
    let told = shown.split_once("data-loaded=\"").map(|(_, rest)| rest);
    let told = told.and_then(|rest| rest.split('"').next());
    told.and_then(|ms| ms.parse().ok())
        .ok_or_else(|| CallError::Lacks("page that says when it was loaded".into()))
}
