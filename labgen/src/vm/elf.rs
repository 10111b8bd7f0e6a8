//! As much of ELF as it takes to carry a program into a VM.

/// What a program needs to be carried elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Program<'a> {
    /// The dynamic loader it asks for; `None` for one that is linked statically.
    pub loader: Option<&'a str>,
    /// The octets of the file that are ever loaded: what comes behind (symbols, line numbers) is for debuggers.
    pub loaded: usize,
}

/// Why a file is not a program of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ElfError {
    /// Another magic, width or order of octets.
    #[error("not a 64-bit little-endian ELF file")]
    Foreign,
    /// A header points behind the end of the file.
    #[error("cut short")]
    Short,
}

const LOAD: u32 = 1;
const INTERPRETER: u32 = 3;

impl<'a> Program<'a> {
    /// Reads the program headers of a file.
    pub fn parse(file: &'a [u8]) -> Result<Self, ElfError> {
        // Magic, 64 bits, little-endian.
        if !file.starts_with(b"\x7fELF\x02\x01") {
            return Err(ElfError::Foreign);
        }
        let (start, size, count) = (number::<8>(file, 32)?, half(file, 54)?, half(file, 56)?);
        let mut program = Program {
            loader: None,
            loaded: start + size * count,
        };
        for header in 0..count {
            let at = start + header * size;
            let kind = number::<4>(file, at)?;
            let (offset, length) = (number::<8>(file, at + 8)?, number::<8>(file, at + 32)?);
            let end = offset.checked_add(length).ok_or(ElfError::Short)?;
            let content = file.get(offset..end).ok_or(ElfError::Short)?;
            match u32::try_from(kind) {
                Ok(LOAD) => program.loaded = program.loaded.max(end),
                Ok(INTERPRETER) => {
                    let name = content.split(|octet| *octet == 0).next().unwrap_or(content);
                    program.loader = str::from_utf8(name).ok();
                }
                _ => {}
            }
        }
        Ok(program)
    }

    /// The file without what is never loaded, and without the table that points to it.
    pub fn stripped(&self, file: &[u8]) -> Vec<u8> {
        let mut kept = file[..self.loaded].to_vec();
        // Offset of the section headers; their number and the index of their names.
        for field in [40..48, 60..64] {
            if let Some(octets) = kept.get_mut(field) {
                octets.fill(0);
            }
        }
        kept
    }
}

fn number<const N: usize>(file: &[u8], at: usize) -> Result<usize, ElfError> {
    let octets = at.checked_add(N).and_then(|end| file.get(at..end));
    let octets = octets.ok_or(ElfError::Short)?;
    let value = octets
        .iter()
        .rev()
        .fold(0u64, |sum, octet| sum << 8 | u64::from(*octet));
    usize::try_from(value).map_err(|_| ElfError::Short)
}

fn half(file: &[u8], at: usize) -> Result<usize, ElfError> {
    number::<2>(file, at)
}

/// The files of libraries out of what the dynamic loader prints with `--list`.
pub fn listed_libraries(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| {
            let line = line.trim();
            // `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x...)`; the loader itself has no arrow.
            let path = line.split_once("=>").map_or(line, |(_, path)| path.trim());
            let path = path.rsplit_once(" (").map_or(path, |(path, _)| path);
            path.starts_with('/').then_some(path)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_program_names_its_loader_and_can_be_stripped() {
        let file = std::fs::read("/proc/self/exe").unwrap();
        let program = Program::parse(&file).unwrap();
        assert!(program.loader.unwrap().contains("ld-linux"));
        let stripped = program.stripped(&file);
        assert!(stripped.len() < file.len());
        assert_eq!(Program::parse(&stripped), Ok(program));
    }

    #[test]
    fn what_is_no_program_is_refused() {
        assert_eq!(Program::parse(b"#!/bin/sh\n"), Err(ElfError::Foreign));
        let file = std::fs::read("/proc/self/exe").unwrap();
        for length in [6, 40, 63, 64, 100, 4000] {
            assert_eq!(Program::parse(&file[..length]), Err(ElfError::Short));
        }
    }

    #[test]
    fn libraries_are_those_with_a_path() {
        let text = "\tlinux-vdso.so.1 (0x00007ffe8b7d2000)\n\
            \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f0e9c000000)\n\
            \t/lib64/ld-linux-x86-64.so.2 (0x00007f0e9c3f2000)\n";
        assert_eq!(
            listed_libraries(text),
            [
                "/lib/x86_64-linux-gnu/libc.so.6",
                "/lib64/ld-linux-x86-64.so.2"
            ]
        );
    }
}
