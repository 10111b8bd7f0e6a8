//! Writes the messages of the recorded sessions as seeds, one file each: `seeds CAPTURES DIRECTORY`.
//!
//! Messages are found by their marker, which is enough for a seed.

use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let mut arguments = env::args_os().skip(1);
    let (Some(captures), Some(target)) = (arguments.next(), arguments.next()) else {
        return Err(io::Error::other("usage: seeds CAPTURES DIRECTORY"));
    };
    fs::create_dir_all(&target)?;
    let mut count = 0;
    for directory in fs::read_dir(captures)? {
        let Ok(file) = fs::read(directory?.path().join("session.pcap")) else {
            continue;
        };
        for message in messages(&file) {
            let seed = [&[0], message].concat();
            fs::write(Path::new(&target).join(format!("{count:04}")), seed)?;
            count += 1;
        }
    }
    println!("{count} seeds");
    Ok(())
}

fn messages(file: &[u8]) -> impl Iterator<Item = &[u8]> {
    let starts = file
        .windows(16)
        .enumerate()
        .filter(|(_, window)| *window == [0xff; 16]);
    starts.filter_map(|(start, _)| {
        let length = u16::from_be_bytes(*file.get(start + 16..)?.first_chunk()?);
        file.get(start..start + usize::from(length))
            .filter(|message| message.len() >= 19)
    })
}
