//! As much of PostgreSQL's protocol as a faulty server needs (PostgreSQL docs 55.7, "Message Formats").

use std::io::{self, Read};

/// What a client says first.
pub(super) enum Opening {
    TlsRequest,
    GssRequest,
    /// A login, or something else.
    Other,
}

pub(super) fn read_opening(stream: &mut impl Read) -> io::Result<Opening> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let rest = (u32::from_be_bytes(length) as usize).clamp(8, 100_000) - 4;
    let mut body = vec![0; rest];
    stream.read_exact(&mut body)?;
    Ok(match u32::from_be_bytes([body[0], body[1], body[2], body[3]]) {
        80_877_103 => Opening::TlsRequest,
        80_877_104 => Opening::GssRequest,
        _ => Opening::Other,
    })
}

pub(super) fn error_response(severity: &str, sqlstate: &str, message: &str) -> Vec<u8> {
    let mut fields = Vec::new();
    for (field, value) in [(b'S', severity), (b'V', severity), (b'C', sqlstate), (b'M', message)] {
        fields.push(field);
        fields.extend_from_slice(value.as_bytes());
        fields.push(0);
    }
    fields.push(0);
    let length = u32::try_from(fields.len() + 4).unwrap();
    let mut bytes = b"E".to_vec();
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&fields);
    bytes
}
