//! How measurements stand in a file: records one after another, each with its length and checksum, so that what a crash
//! cut off, or a disk garbled, is known as such.

/// Begins every file. Another layout gets another number.
pub(super) const MAGIC: &[u8; 8] = b"pgdspl01";
/// Length and checksum of what follows, then the sequence number.
const HEAD: usize = 4 + 4 + 8;
/// Longer than any measurement: a length beyond it is none.
const MOST_BYTES: u32 = 64 << 20;

/// One measurement as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) seq: i64,
    pub(super) payload: &'a [u8],
}

/// How many bytes a payload takes in a file.
pub(super) fn size(payload: &[u8]) -> u64 {
    (HEAD + payload.len()) as u64
}

/// Appends a record to `out`.
pub(super) fn write(out: &mut Vec<u8>, seq: i64, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&checksum(seq, payload).to_le_bytes());
    out.extend_from_slice(&seq.to_le_bytes());
    out.extend_from_slice(payload);
}

/// The records of a file as far as they are whole, and how many bytes those are, with what begins the file.
pub(super) fn read(file: &[u8]) -> (Vec<Record<'_>>, u64) {
    let mut records = Vec::new();
    let Some(mut rest) = file.strip_prefix(MAGIC) else { return (records, 0) };
    while let Some((record, after)) = first(rest) {
        records.push(record);
        rest = after;
    }
    (records, (file.len() - rest.len()) as u64)
}

fn first(bytes: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let (seq, rest) = rest.split_first_chunk::<8>()?;
    let (length, seq) = (u32::from_le_bytes(*length), i64::from_le_bytes(*seq));
    if length > MOST_BYTES {
        return None;
    }
    let (payload, rest) = rest.split_at_checked(length as usize)?;
    (checksum(seq, payload) == u32::from_le_bytes(*sum)).then_some((Record { seq, payload }, rest))
}

fn checksum(seq: i64, payload: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&seq.to_le_bytes());
    sum.update(payload);
    sum.finalize()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(payloads: &[Vec<u8>]) -> Vec<u8> {
        let mut file = MAGIC.to_vec();
        for (seq, payload) in (1..).zip(payloads) {
            write(&mut file, seq, payload);
        }
        file
    }

    fn payloads() -> impl Strategy<Value = Vec<Vec<u8>>> {
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..6)
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_up_to_where_it_was_cut(payloads in payloads(), cut in any::<prop::sample::Index>()) {
            let whole = file(&payloads);
            let cut = cut.index(whole.len() + 1);
            let (records, good) = read(&whole[..cut]);
            for (record, payload) in records.iter().zip(&payloads) {
                prop_assert_eq!(record.payload, payload.as_slice());
            }
            prop_assert!(good as usize <= cut);
            let next = payloads.get(records.len()).map_or(u64::MAX, |payload| size(payload));
            prop_assert!(cut < MAGIC.len() || (cut as u64) < good.saturating_add(next), "a whole record was left out");
        }

        #[test]
        fn a_garbled_byte_ends_the_reading_before_it(payloads in payloads(), at in any::<prop::sample::Index>()) {
            let mut garbled = file(&payloads);
            let at = at.index(garbled.len());
            garbled[at] ^= 0x40;
            let (_, good) = read(&garbled);
            prop_assert!(good as usize <= at);
        }
    }

    #[test]
    fn a_file_of_zeros_or_of_another_layout_holds_nothing() {
        assert_eq!(read(&[0; 64]), (Vec::new(), 0));
        assert_eq!(read(b"pgdspl02rest"), (Vec::new(), 0));
        let mut zeros = MAGIC.to_vec();
        zeros.extend_from_slice(&[0; 64]);
        assert_eq!(read(&zeros).0, Vec::new(), "a checksum of nothing is not 0");
    }
}
