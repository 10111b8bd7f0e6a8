//! How slow the machine is at the moment, measured by what others do to this process.

use std::fs;
use std::time::Duration;

/// More is not made up for: a machine that is so busy will not be less so.
const MOST: u32 = 10;

/// How many times as long as alone this process takes for what it does: what it has run and what it has waited for a
/// processor, in proportion. 1 where the kernel does not tell.
pub(super) fn factor() -> u32 {
    let told = fs::read_to_string("/proc/self/schedstat");
    told.ok().and_then(|told| of(&told)).unwrap_or(1)
}

/// A deadline that the scenario has not given, in a lab whose machine is known to be so many times as slow as usual.
pub(super) fn patience(usual: Duration, slow: u32) -> Duration {
    usual * slow * factor()
}

fn of(schedstat: &str) -> Option<u32> {
    let mut nanoseconds = schedstat.split_whitespace().map(str::parse::<u64>);
    let (ran, waited) = (nanoseconds.next()?.ok()?, nanoseconds.next()?.ok()?);
    let factor = ran.checked_add(waited)?.div_ceil(ran.max(1));
    Some(u32::try_from(factor).unwrap_or(MOST).clamp(1, MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_waited_for_a_processor_is_made_up_for() {
        assert_eq!(of("1000 0 7\n"), Some(1));
        assert_eq!(of("1000 2500 7\n"), Some(4));
        assert_eq!(of("10 99999999 7\n"), Some(MOST));
        assert_eq!(of("0 0 0\n"), Some(1));
        assert_eq!(of("soon\n"), None);
    }
}
