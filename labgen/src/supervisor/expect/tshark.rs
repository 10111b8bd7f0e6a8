//! Packets by a display filter of Wireshark's.

use std::path::Path;

use capture::FrameIndex;
use netns::process::Exit;

use crate::needs::TSHARK_ENV;
use crate::supervisor::lab::Lab;
use crate::supervisor::step::output::{Leashed, SpawnError, spawn_in};

/// The program.
const TSHARK: &str = "tshark";

/// Packets could not be looked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum FindError {
    #[error("cannot run `tshark`")]
    Spawn(#[from] SpawnError),
    #[error("`tshark` ended with {how}: {words}")]
    Ended { how: Exit, words: String },
}

/// The frames of a capture file that a filter lets through.
pub(super) async fn find(
    lab: &Lab,
    file: &Path,
    filter: &str,
) -> Result<Vec<FrameIndex>, FindError> {
    let file = file.display().to_string();
    let args = [
        "-n",
        "-r",
        &file,
        "-Y",
        filter,
        "-T",
        "fields",
        "-e",
        "frame.number",
    ];
    let args = args.map(str::to_owned);
    let (variable, value) = TSHARK_ENV;
    let own = [format!("{variable}={value}"), TSHARK.into()];
    let args: Vec<String> = own.into_iter().chain(args).collect();
    let (child, output) = spawn_in(lab, "env", &args, None).await?;
    let child = Leashed(child);
    let how = child.0.clone().exited().await;
    let (numbers, words) = output.collect().await;
    if !how.success() {
        // It begins by saying who runs it.
        let words = words.lines().filter(|line| !line.starts_with("Running as"));
        let words = words.collect::<Vec<_>>().join(" ");
        return Err(FindError::Ended { how, words });
    }
    let numbers = numbers
        .lines()
        .filter_map(|line| line.parse::<usize>().ok());
    Ok(numbers
        .filter_map(|number| number.checked_sub(1).map(FrameIndex))
        .collect())
}
