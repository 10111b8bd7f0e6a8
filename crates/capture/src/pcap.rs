//! Capture files: pcapng written and read, classic pcap read.

use std::borrow::Cow;
use std::io::{Cursor, Read, Write};

use bytes::Bytes;
use pcap_file::pcap::{PcapReadError, PcapReader};
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption, InterfaceTsResolution,
};
use pcap_file::pcapng::blocks::interface_statistics::{
    InterfaceStatisticsBlock, InterfaceStatisticsOption,
};
use pcap_file::pcapng::blocks::opt_common::CommonOption;
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::pcapng::{Block, PcapNgReadError, PcapNgReader, PcapNgWriteError, PcapNgWriter};
use pcap_file::{DataLink, Endianness};

use crate::frame::{Frame, InterfaceId, Timestamp};
use crate::log::Counted;

/// Why a capture file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CaptureFileError {
    /// The source or sink failed.
    #[error("capture file")]
    Io(#[from] std::io::Error),
    /// The first four octets are those of neither format.
    #[error("not a capture file: it begins with `{0:08x}`")]
    UnknownFormat(u32),
    /// Frames of another link layer than Ethernet.
    #[error("interface `{interface}` has link type `{link_type}`, only Ethernet is read")]
    LinkType {
        /// Its name, or its number.
        interface: String,
        /// The link type.
        link_type: String,
    },
    /// The file is damaged at this frame, counted from 1.
    #[error("damaged capture file at frame {frame}")]
    Damaged {
        /// Which frame.
        frame: usize,
        /// What is wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What was to be written cannot be.
    #[error("frame cannot be written")]
    Unwritable(#[source] PcapNgWriteError),
}

/// Writes pcapng: Ethernet, nanoseconds, named interfaces, comments on frames.
pub struct PcapngWriter<W: Write> {
    inner: PcapNgWriter<W>,
    interfaces: u32,
}

impl PcapngWriter<Vec<u8>> {
    /// Writes into memory, the section header first.
    pub fn in_memory(application: &str) -> Self {
        match Self::new(Vec::new(), application) {
            Ok(writer) => writer,
            Err(error) => unreachable!("memory takes whatever is written: {error}"),
        }
    }
}

impl<W: Write> PcapngWriter<W> {
    /// Writes the section header. `application` says what made the file.
    pub fn new(writer: W, application: &str) -> Result<Self, CaptureFileError> {
        let section = SectionHeaderBlock {
            // The same capture gives the same file on every machine.
            endianness: Endianness::Little,
            options: vec![SectionHeaderOption::UserApplication(application.into())],
            ..Default::default()
        };
        let inner = PcapNgWriter::with_section_header(writer, section).map_err(write_error)?;
        Ok(Self {
            inner,
            interfaces: 0,
        })
    }

    /// Adds an interface; frames name it by the number returned.
    pub fn interface(&mut self, name: &str) -> Result<InterfaceId, CaptureFileError> {
        let block = InterfaceDescriptionBlock {
            linktype: DataLink::ETHERNET,
            snaplen: 0,
            options: vec![
                InterfaceDescriptionOption::IfName(name.into()),
                InterfaceDescriptionOption::IfTsResol(InterfaceTsResolution::NANO),
            ],
        };
        self.inner.write_pcapng_block(block).map_err(write_error)?;
        self.interfaces += 1;
        Ok(InterfaceId(self.interfaces - 1))
    }

    /// Writes a frame with its comments. Its interface must have been added.
    pub fn frame(&mut self, frame: &Frame, comments: &[String]) -> Result<(), CaptureFileError> {
        let comment = |text| EnhancedPacketOption::Common(CommonOption::Comment(text));
        let block = EnhancedPacketBlock {
            interface_id: frame.interface.0,
            timestamp: frame.timestamp.since_epoch(),
            original_len: frame.original_len,
            data: Cow::Borrowed(&frame.data),
            options: comments
                .iter()
                .map(|text| comment(Cow::Borrowed(text.as_str())))
                .collect(),
        };
        self.inner.write_pcapng_block(block).map_err(write_error)?;
        Ok(())
    }

    /// Writes what was counted on an interface up to a point in time.
    pub fn statistics(
        &mut self,
        interface: InterfaceId,
        at: Timestamp,
        counted: Counted,
    ) -> Result<(), CaptureFileError> {
        let block = InterfaceStatisticsBlock {
            interface_id: interface.0,
            timestamp: at.since_epoch(),
            options: vec![
                InterfaceStatisticsOption::IsbIfRecv(counted.received),
                InterfaceStatisticsOption::IsbIfDrop(counted.dropped),
            ],
        };
        self.inner.write_pcapng_block(block).map_err(write_error)?;
        Ok(())
    }

    /// The sink. Between two calls everything written so far is in it.
    pub fn sink(&mut self) -> &mut W {
        self.inner.get_mut()
    }

    /// Flushes and gives the sink back.
    pub fn finish(self) -> Result<W, CaptureFileError> {
        let mut writer = self.inner.into_inner();
        writer.flush()?;
        Ok(writer)
    }
}

/// A frame out of a capture file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFrame {
    /// The frame.
    pub frame: Frame,
    /// Its comments.
    pub comments: Vec<String>,
}

/// Reads pcapng or classic pcap, whichever the first octets say. An iterator over the frames; after
/// an error it ends.
pub struct CaptureReader<R: Read> {
    format: Format<R>,
    frames: usize,
    ended: bool,
}

/// The four octets looked at, then the rest.
type Rewound<R> = std::io::Chain<Cursor<[u8; 4]>, R>;

enum Format<R: Read> {
    Classic(Box<PcapReader<Rewound<R>>>),
    Ng(Box<PcapNgReader<Rewound<R>>>),
}

const PCAPNG: u32 = 0x0a0d_0d0a;
/// Classic pcap in either byte order, microseconds and nanoseconds.
const CLASSIC: [u32; 4] = [0xa1b2_c3d4, 0xd4c3_b2a1, 0xa1b2_3c4d, 0x4d3c_b2a1];

impl<R: Read> CaptureReader<R> {
    /// Reads the file header.
    pub fn new(mut reader: R) -> Result<Self, CaptureFileError> {
        let mut magic = [0; 4];
        reader.read_exact(&mut magic)?;
        let rewound = Cursor::new(magic).chain(reader);
        let format = match u32::from_be_bytes(magic) {
            PCAPNG => Format::Ng(Box::new(
                PcapNgReader::new(rewound).map_err(|e| damaged(0, e))?,
            )),
            magic if CLASSIC.contains(&magic) => {
                let reader = PcapReader::new(rewound).map_err(|e| damaged(0, e))?;
                only_ethernet(reader.header().datalink, || "0".to_owned())?;
                Format::Classic(Box::new(reader))
            }
            other => return Err(CaptureFileError::UnknownFormat(other)),
        };
        Ok(Self {
            format,
            frames: 0,
            ended: false,
        })
    }

    /// The names of the interfaces seen so far, by [`InterfaceId`]; unnamed ones are numbered.
    pub fn interfaces(&self) -> Vec<String> {
        match &self.format {
            Format::Classic(_) => vec!["0".to_owned()],
            Format::Ng(reader) => {
                let blocks = reader.interfaces().iter();
                blocks
                    .enumerate()
                    .map(|(number, block)| interface_name(number, block))
                    .collect()
            }
        }
    }

    fn read(&mut self) -> Option<Result<FileFrame, CaptureFileError>> {
        let number = self.frames + 1;
        match &mut self.format {
            Format::Classic(reader) => match reader.next_packet()? {
                Ok(packet) => Some(Ok(file_frame(
                    Timestamp::from_epoch(packet.timestamp()),
                    packet.orig_len(),
                    packet.data(),
                ))),
                Err(PcapReadError::Io(error)) => Some(Err(error.into())),
                Err(error) => Some(Err(damaged(number, error))),
            },
            Format::Ng(reader) => loop {
                match reader.next_block()? {
                    Ok((Block::EnhancedPacket(packet), state)) => {
                        let at = packet.interface_id as usize;
                        if let Some(interface) = state.interfaces().get(at) {
                            let name = || interface_name(at, interface);
                            if let Err(error) = only_ethernet(interface.linktype, name) {
                                return Some(Err(error));
                            }
                        }
                        return Some(Ok(enhanced(&packet)));
                    }
                    Ok(_) => {}
                    Err(PcapNgReadError::Io(error)) => return Some(Err(error.into())),
                    Err(error) => return Some(Err(damaged(number, error))),
                }
            },
        }
    }
}

impl<R: Read> Iterator for CaptureReader<R> {
    type Item = Result<FileFrame, CaptureFileError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.read();
        self.frames += 1;
        self.ended = !matches!(item, Some(Ok(_)));
        item
    }
}

fn file_frame(timestamp: Timestamp, original_len: u32, data: &[u8]) -> FileFrame {
    let data = Bytes::copy_from_slice(data);
    let interface = InterfaceId::default();
    FileFrame {
        frame: Frame {
            timestamp,
            interface,
            data,
            original_len,
        },
        comments: Vec::new(),
    }
}

fn enhanced(packet: &EnhancedPacketBlock<'_>) -> FileFrame {
    let timestamp = Timestamp::from_epoch(packet.timestamp);
    let mut read = file_frame(timestamp, packet.original_len, &packet.data);
    read.frame.interface = InterfaceId(packet.interface_id);
    read.comments = packet
        .options
        .iter()
        .filter_map(|option| match option {
            EnhancedPacketOption::Common(CommonOption::Comment(text)) => Some(text.to_string()),
            _ => None,
        })
        .collect();
    read
}

fn interface_name(number: usize, block: &InterfaceDescriptionBlock<'_>) -> String {
    let name = block.options.iter().find_map(|option| match option {
        InterfaceDescriptionOption::IfName(name) => Some(name.to_string()),
        _ => None,
    });
    name.unwrap_or_else(|| number.to_string())
}

fn only_ethernet(
    link_type: DataLink,
    interface: impl FnOnce() -> String,
) -> Result<(), CaptureFileError> {
    if link_type == DataLink::ETHERNET {
        return Ok(());
    }
    let link_type = format!("{link_type:?}");
    Err(CaptureFileError::LinkType {
        interface: interface(),
        link_type,
    })
}

fn damaged(
    frame: usize,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> CaptureFileError {
    CaptureFileError::Damaged {
        frame,
        source: source.into(),
    }
}

fn write_error(error: PcapNgWriteError) -> CaptureFileError {
    match error {
        PcapNgWriteError::Io(error) => error.into(),
        error => CaptureFileError::Unwritable(error),
    }
}
