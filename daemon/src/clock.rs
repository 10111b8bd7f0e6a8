//! Local time, as people read it.

use jiff::Zoned;

/// A moment in the time zone of the host.
#[derive(Debug, Clone)]
pub struct LocalTime(Zoned);

/// The time now.
pub fn now() -> LocalTime {
    LocalTime(Zoned::now())
}

impl LocalTime {
    /// `2026-11-21 02:49:15` and milliseconds behind a separator.
    pub fn format(&self, separator: char) -> String {
        format!("{}{separator}{:03}", self.seconds(), self.0.millisecond())
    }

    /// `2026-11-21 02:49:15`.
    pub fn seconds(&self) -> String {
        self.0.strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// Milliseconds of the second.
    pub fn milliseconds(&self) -> i16 {
        self.0.millisecond()
    }

    /// As a format of `strftime` has it; what that cannot say stays as it is written there.
    pub fn strftime(&self, format: &str) -> String {
        jiff::fmt::strtime::format(format, &self.0).unwrap_or_else(|_| format.to_owned())
    }
}
