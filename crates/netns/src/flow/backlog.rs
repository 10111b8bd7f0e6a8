//! Packets that this machine, not any network in it, was too slow for.
//!
//! What goes from one namespace to another waits in a queue of the processor (`net.core.netdev_max_backlog`), which all
//! namespaces share. When that is full, packets are lost although no link of a lab lost any.

use std::fs;

/// Packets dropped since the machine started; 0 where the kernel does not tell.
pub(super) fn dropped() -> u64 {
    fs::read_to_string("/proc/net/softnet_stat").map_or(0, |text| sum(&text))
}

/// A line a processor, hexadecimal; the second number is what it dropped.
fn sum(text: &str) -> u64 {
    let second = |line: &str| u64::from_str_radix(line.split_whitespace().nth(1)?, 16).ok();
    text.lines().filter_map(second).sum()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_second_number_of_each_line_counts() {
        let text = "00cfc731 0000000a 000002f3\n00cb726b 00000100 000003d6\nnonsense\n";
        assert_eq!(super::sum(text), 266);
    }
}
