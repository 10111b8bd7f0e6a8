//! What is written where, seen from the files.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::{fs, os::unix::net::UnixDatagram, path::Path};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;

use super::{Facility, Handle, LogOptions, Rotation, layer::Outlets, plan::Plan};

/// Has `work` log as the options say.
fn logged(options: &LogOptions, work: impl FnOnce(&Handle)) {
    let plan = Plan::of("bagpipe-bgp", options).unwrap();
    let handle = Handle::new("bagpipe-bgp", Outlets::open("bagpipe-bgp", plan).unwrap());
    let subscriber = tracing_subscriber::registry().with(handle.layer());
    tracing::subscriber::with_default(subscriber, || work(&handle));
}

fn to_file(directory: &Path) -> LogOptions {
    LogOptions {
        file: Some(directory.join("a.log")),
        ..LogOptions::default()
    }
}

fn text(directory: &Path, name: &str) -> String {
    fs::read_to_string(directory.join(name)).unwrap_or_default()
}

/// The messages of a log in the usual form.
fn messages(text: &str) -> Vec<&str> {
    let messages = text.lines().filter_map(|line| line.split_once("] "));
    messages.map(|(_, message)| message).collect()
}

#[test]
fn the_usual_line() {
    let directory = tempfile::tempdir().unwrap();
    logged(&to_file(directory.path()), |_| {
        tracing::debug!("not shown");
        tracing::info!(worker = %"EVI-2", "up");
        tracing::warn!("slow");
    });
    let log = text(directory.path(), "a.log");
    let pattern = format!(
        r"^\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{{3}} {} INFO bagpipe_bgp\.logging\.tests \[EVI-2\] up\n.* WARNING .* \[-\] slow\n$",
        std::process::id()
    );
    assert!(regex::Regex::new(&pattern).unwrap().is_match(&log), "{log}");
}

#[test]
fn levels_of_single_loggers_count_more_than_that_of_all() {
    let directory = tempfile::tempdir().unwrap();
    let options = LogOptions {
        debug: true,
        levels: vec![
            ("vpn".into(), LevelFilter::ERROR),
            (
                "networking_bagpipe.bagpipe_bgp.engine".into(),
                LevelFilter::WARN,
            ),
        ],
        ..to_file(directory.path())
    };
    logged(&options, |_| {
        tracing::warn!(target: "vpn::evi", "hidden");
        tracing::error!(target: "vpn::evi", "one");
        tracing::info!(target: "bgp_session::session", "hidden");
        tracing::warn!(target: "bgp_rib", "two");
        tracing::debug!(target: "bagpipe_bgp::rest", "three");
        tracing::debug!(target: "hyper::proto", "hidden");
    });
    assert_eq!(
        messages(&text(directory.path(), "a.log")),
        ["one", "two", "three"]
    );
}

#[test]
fn a_file_that_has_grown_is_turned_over() {
    let directory = tempfile::tempdir().unwrap();
    let options = LogOptions {
        rotation: Some(Rotation {
            octets: 200,
            count: 2,
        }),
        ..to_file(directory.path())
    };
    logged(&options, |_| {
        for number in 0..12 {
            tracing::info!("line {number:02} of the log");
        }
    });
    let names = ["a.log.2", "a.log.1", "a.log"];
    let all: String = names.map(|name| text(directory.path(), name)).concat();
    let kept = messages(&all);
    assert_eq!(kept.last(), Some(&"line 11 of the log"));
    assert_eq!(kept.len(), 6, "{all}");
    assert!(!directory.path().join("a.log.3").exists());
}

#[test]
fn a_file_that_was_moved_away_is_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    logged(&to_file(directory.path()), |_| {
        tracing::info!("before");
        fs::rename(directory.path().join("a.log"), directory.path().join("old")).unwrap();
        tracing::info!("after");
    });
    assert_eq!(messages(&text(directory.path(), "old")), ["before"]);
    assert_eq!(messages(&text(directory.path(), "a.log")), ["after"]);
}

#[test]
fn other_options_from_now_on() {
    let directory = tempfile::tempdir().unwrap();
    let options = to_file(directory.path());
    logged(&options, |handle| {
        tracing::debug!("hidden");
        let louder = LogOptions {
            debug: true,
            ..options.clone()
        };
        handle.reload(&louder).unwrap();
        tracing::debug!("shown");
        let wrong = LogOptions {
            config: Some("/nonexistent".into()),
            ..louder
        };
        handle.reload(&wrong).unwrap_err();
        tracing::debug!("still shown");
    });
    assert_eq!(
        messages(&text(directory.path(), "a.log")),
        ["shown", "still shown"]
    );
}

#[test]
fn an_object_a_line_and_dates_of_another_form() {
    let directory = tempfile::tempdir().unwrap();
    let options = LogOptions {
        json: true,
        ..to_file(directory.path())
    };
    logged(
        &options,
        |_| tracing::warn!(worker = %"VRF-1", "a \"quote\""),
    );
    let line: serde_json::Value = serde_json::from_str(&text(directory.path(), "a.log")).unwrap();
    assert_eq!(line["message"], "a \"quote\"");
    assert_eq!(line["levelname"], "WARNING");
    assert_eq!(line["worker"], "VRF-1");
    let other = tempfile::tempdir().unwrap();
    let options = LogOptions {
        date_format: Some("%d/%m/%Y".into()),
        ..to_file(other.path())
    };
    logged(&options, |_| tracing::info!("x"));
    let log = text(other.path(), "a.log");
    assert!(
        regex::Regex::new(r"^\d\d/\d\d/\d{4}\.\d{3} ")
            .unwrap()
            .is_match(&log),
        "{log}"
    );
}

/// A configuration in the form that the old versions came with.
const TEMPLATE: &str = "
[loggers]
keys=root,engine,quiet

[handlers]
keys=file, errors,system

[formatters]
keys=long

[logger_root]
level=WARNING
handlers=file

[logger_engine]
level=DEBUG
handlers=errors
qualname=bagpipe.bgp.engine
propagate=1

[logger_quiet]
level=INFO
handlers=system
qualname=bagpipe.bgp.common.looking_glass
propagate=0

[handler_file]
class=logging.handlers.RotatingFileHandler
args=('DIR/all.log', 'a', 5*1024*1024, 5)
formatter=long

[handler_errors]
class=FileHandler
level=ERROR
args=('DIR/errors.log',)

[handler_system]
class=handlers.SysLogHandler
args=('DIR/socket', handlers.SysLogHandler.LOG_LOCAL3)

[formatter_long]
format=%(threadName)-10s %(name)-30s %(levelname)-8s %(message)s 100%%
datefmt=
";

#[test]
fn a_configuration_of_python() {
    let directory = tempfile::tempdir().unwrap();
    let dir = directory.path();
    let system = UnixDatagram::bind(dir.join("socket")).unwrap();
    let file = dir.join("log.conf");
    fs::write(&file, TEMPLATE.replace("DIR", dir.to_str().unwrap())).unwrap();
    let options = LogOptions {
        config: Some(file),
        ..LogOptions::default()
    };
    logged(&options, |_| {
        tracing::debug!(target: "bgp_session::x", worker = %"BGP-1", "in detail");
        tracing::error!(target: "bgp_rib", "wrong");
        tracing::info!(target: "vpn", "hidden");
        tracing::info!(target: "bagpipe_bgp::glass", "seen");
    });
    let all = "BGP-1      bgp_session.x                  DEBUG    in detail 100%\n\
        MainThread bgp_rib                        ERROR    wrong 100%\n";
    assert_eq!(text(dir, "all.log"), all);
    assert_eq!(text(dir, "errors.log"), "wrong\n");
    let mut octets = [0; 200];
    let length = system.recv(&mut octets).unwrap();
    // LOG_LOCAL3 is 19, information is 6.
    let expected = format!("<158>bagpipe-bgp[{}]: seen", std::process::id());
    assert_eq!(String::from_utf8_lossy(&octets[..length]), expected);
}

#[test]
fn configurations_that_are_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let mut all = String::new();
    for (from, to) in [
        ("[loggers]\nkeys=root,engine,quiet", "[loggers]"),
        ("keys=file, errors,system", "keys=errors,system"),
        ("level=WARNING", "level=LOUD"),
        ("class=FileHandler", "class=handlers.HTTPHandler"),
        ("args=('DIR/errors.log',)", "args=()"),
        ("%(threadName)", "%(colour)"),
        ("formatter=long", "formatter=short"),
        ("qualname=bagpipe.bgp.engine\n", ""),
        ("keys=root", "keys"),
    ] {
        assert!(TEMPLATE.contains(from), "{from}");
        let file = directory.path().join("log.conf");
        fs::write(&file, TEMPLATE.replace(from, to)).unwrap();
        let options = LogOptions {
            config: Some(file),
            ..LogOptions::default()
        };
        let error = Plan::of("bagpipe-bgp", &options).unwrap_err();
        all.push_str(&format!("{error}\n"));
    }
    insta::assert_snapshot!(all.replace(directory.path().to_str().unwrap(), "DIR"));
}

#[test]
fn facilities_by_name() {
    for (name, number) in [
        ("LOG_USER", 1),
        ("daemon", 3),
        ("LOG_LOCAL7", 23),
        ("local0", 16),
    ] {
        assert_eq!(Facility::named(name), Some(Facility(number)), "{name}");
    }
    assert_eq!(Facility::named("LOG_LOCAL8"), None);
    assert_eq!(Facility::named("nonesuch"), None);
}
