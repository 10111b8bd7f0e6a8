//! Capabilities as `gobgp -j neighbor` shows them: a type's name and its Protocol Buffers message in base64.

use bgp_wire::Family;
use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Capability {
    type_url: String,
    #[serde(default)]
    value: String,
}

/// Whether one of them is called `name`, exactly.
pub(super) fn has(capabilities: &[Capability], name: &str) -> bool {
    let names = capabilities.iter().map(|capability| &capability.type_url);
    names
        .flat_map(|url| url.rsplit('.').next())
        .any(|own| own == name)
}

/// The families among them, sorted, each once.
pub(super) fn families(capabilities: &[Capability]) -> Vec<Family> {
    let multiprotocol = capabilities
        .iter()
        .filter(|capability| capability.type_url.ends_with(".MultiProtocolCapability"));
    let mut families: Vec<Family> = multiprotocol
        .filter_map(|capability| family(&base64(&capability.value)?))
        .collect();
    families.sort_unstable();
    families.dedup();
    families
}

/// Field 1 is a message with the fields 1, AFI, and 2, SAFI.
fn family(message: &[u8]) -> Option<Family> {
    let [0x0a, length, fields @ ..] = message else {
        return None;
    };
    let mut fields = fields.get(..usize::from(*length))?;
    let mut numbers = [0u64; 2];
    while let [tag, rest @ ..] = fields {
        let (value, rest) = varint(rest)?;
        // Both fields are numbers: the low three bits, the wire type, are 0.
        let at = usize::from(tag >> 3).checked_sub(1)?;
        *numbers.get_mut(at)? = value;
        fields = rest;
    }
    let [afi, safi] = numbers;
    Some(Family::new(afi.try_into().ok()?, safi.try_into().ok()?))
}

fn varint(octets: &[u8]) -> Option<(u64, &[u8])> {
    let length = octets.iter().position(|octet| octet & 0x80 == 0)? + 1;
    let (number, rest) = octets.split_at(length);
    let value = number.iter().rev().try_fold(0u64, |value, octet| {
        Some(value.checked_mul(128)? | u64::from(octet & 0x7f))
    })?;
    Some((value, rest))
}

/// RFC 4648 section 4, padded.
fn base64(text: &str) -> Option<Vec<u8>> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut count, mut octets) = (0u32, 0, Vec::new());
    for digit in text.trim_end_matches('=').bytes() {
        let value = DIGITS.iter().position(|known| *known == digit)?;
        bits = (bits << 6 | u32::try_from(value).ok()?) & 0xffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            octets.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    Some(octets)
}
