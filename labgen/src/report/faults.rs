//! What was broken on purpose, and until when it was.

use super::model::{Fault, Run};

/// Every fault, with the time when its effect was over: the next of those on the same that end it, or the end of the
/// run.
pub(super) fn lasting(run: &Run) -> impl Iterator<Item = (&Fault, u64)> {
    run.faults.iter().enumerate().map(|(index, fault)| {
        let Some(ends) = ended_by(fault) else {
            return (fault, fault.at);
        };
        let mut later = run.faults[index + 1..].iter();
        let end = later.find(|later| later.on == fault.on && ends(later));
        (fault, end.map_or(run.end, |end| end.since).max(fault.at))
    })
}

/// What ends its effect, where it has one that lasts.
fn ended_by(fault: &Fault) -> Option<fn(&Fault) -> bool> {
    Some(match fault.action.as_str() {
        "cut" => |later| later.action == "heal",
        "halt" => |later| matches!(later.action.as_str(), "start" | "restart"),
        // One impairment takes the place of the other.
        "impair" => |later| matches!(later.action.as_str(), "clear" | "impair"),
        "signal" if is_signal(fault, "SIGSTOP") => |later| {
            matches!(later.action.as_str(), "halt" | "restart") || is_signal(later, "SIGCONT")
        },
        _ => return None,
    })
}

fn is_signal(fault: &Fault, signal: &str) -> bool {
    fault.action == "signal" && fault.seen.starts_with(signal)
}

#[cfg(test)]
mod tests {
    use super::super::model::{Fault, Run};

    #[test]
    fn a_fault_lasts_until_it_is_mended() {
        let fault = |action: &str, on: &str, seen: &str, at| Fault {
            action: action.into(),
            on: on.into(),
            seen: seen.into(),
            since: at - 1,
            at,
        };
        let run = Run {
            end: 100,
            faults: vec![
                fault("impair", "lan", "a out: loss 1%", 10),
                fault("cut", "lan", "a/lan", 20),
                fault("impair", "lan", "a out: loss 2%", 30),
                fault("signal", "a", "SIGSTOP to x: pid 7", 40),
                fault("clear", "lan", "nothing", 50),
                fault("signal", "a", "SIGCONT to x: pid 7", 60),
                fault("heal", "other", "a/other", 70),
                fault("halt", "a", "x: status 0", 80),
            ],
            ..Run::default()
        };
        let until: Vec<u64> = super::lasting(&run).map(|(_, until)| until).collect();
        assert_eq!(until, [29, 100, 49, 59, 50, 60, 70, 100]);
    }
}
