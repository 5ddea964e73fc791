//! A fast reader for the vocabulary and the merges of a `tokenizer.json`, on two threads.
//!
//! It reads the usual layout. For any other it returns None, and serde_json reads the file.

use std::ops::Range;

use super::merges::Merges;
use crate::tokenizer::vocab::VocabBuilder;

// Smaller files are read faster than a thread starts.
const WORTH_A_THREAD: usize = 1 << 20;

/// The large values and their ranges in the file.
pub(super) struct Large {
    pub vocab: VocabBuilder,
    pub vocab_at: Range<usize>,
    pub merges: Option<(Merges, Range<usize>)>,
}

/// Reads `model.vocab`, if it is an object, and `model.merges`. The texts of merges are not copied out of the file.
pub(super) fn large(text: &[u8]) -> Option<Large> {
    let guess = (text.len() > WORTH_A_THREAD).then(|| guess(text)).flatten();
    let Some(start) = guess else { return scan(text, None) };
    std::thread::scope(|scope| {
        let other = scope.spawn(move || merges(text, start));
        let found = scan(text, Some(start));
        let merges = other.join().ok()??;
        let mut found = found?;
        // The guess was right if the scan reached the same position.
        match &mut found.merges {
            Some((_, at)) if at.start == start => found.merges = Some(merges),
            _ => return None,
        }
        Some(found)
    })
}

/// The probable position of the list of merges.
fn guess(bytes: &[u8]) -> Option<usize> {
    memchr::memmem::find_iter(bytes, b"\"merges\"").find_map(|key| {
        let colon = blank(bytes, key + 8);
        let start = blank(bytes, colon + 1);
        (bytes.get(colon) == Some(&b':') && bytes.get(start) == Some(&b'[')).then_some(start)
    })
}

/// Scans the file. Merges that begin at `other_thread` are read by another thread and skipped.
fn scan(bytes: &[u8], other_thread: Option<usize>) -> Option<Large> {
    let (mut found, mut found_merges) = (None, None);
    let (mut at, mut depth, mut in_model) = (0, 0usize, false);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                let end = string(bytes, at)?;
                let key = &bytes[at + 1..end - 1];
                at = end;
                let colon = blank(bytes, at);
                if bytes.get(colon) != Some(&b':') {
                    continue;
                }
                at = blank(bytes, colon + 1);
                match (depth, key, bytes.get(at)?) {
                    (1, b"model", b'{') => in_model = true,
                    (2, b"vocab", b'{') if in_model && found.is_none() => {
                        let (vocab, end) = vocabulary(bytes, at)?;
                        found = Some((vocab, at..end));
                        at = end;
                    }
                    (2, b"merges", b'[') if in_model && found_merges.is_none() => {
                        let (merges, range) = match other_thread {
                            // The rest is read by the general reader.
                            Some(start) if start == at && found.is_some() => (Merges::default(), at..at),
                            Some(_) => return None,
                            None => merges(bytes, at)?,
                        };
                        at = range.end;
                        found_merges = Some((merges, range));
                        if other_thread.is_some() {
                            break;
                        }
                    }
                    _ => {}
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                in_model &= depth > 1;
            }
            _ => {}
        }
        at += 1;
    }
    let (vocab, vocab_at) = found?;
    Some(Large { vocab, vocab_at, merges: found_merges })
}

/// The object of ids at `start`, and its end.
fn vocabulary(bytes: &[u8], start: usize) -> Option<(VocabBuilder, usize)> {
    let mut vocab = VocabBuilder::default();
    let mut at = blank(bytes, start + 1);
    if bytes.get(at) == Some(&b'}') {
        return Some((vocab, at + 1));
    }
    loop {
        let end = string(bytes, at)?;
        let token = &bytes[at + 1..end - 1];
        let colon = blank(bytes, end);
        if bytes.get(colon) != Some(&b':') {
            return None;
        }
        let (id, end) = number(bytes, blank(bytes, colon + 1))?;
        if token.contains(&b'\\') {
            vocab.push(&unescaped(token)?, id).ok()?;
        } else {
            vocab.push_bytes(token, id).ok()?;
        }
        at = blank(bytes, end);
        match bytes.get(at)? {
            b',' => at = blank(bytes, at + 1),
            b'}' => break,
            _ => return None,
        }
    }
    vocab.prepare();
    Some((vocab, at + 1))
}

/// The list of merges at `start`, and its range.
fn merges(bytes: &[u8], start: usize) -> Option<(Merges, Range<usize>)> {
    let mut merges = Merges::within(bytes.len());
    let mut at = blank(bytes, start + 1);
    if bytes.get(at) == Some(&b']') {
        return Some((merges, start..at + 1));
    }
    loop {
        let end = match bytes.get(at)? {
            b'"' => one(bytes, at, &mut merges)?,
            b'[' => two(bytes, at, &mut merges)?,
            _ => return None,
        };
        at = blank(bytes, end);
        match bytes.get(at)? {
            b',' => at = blank(bytes, at + 1),
            b']' => return Some((merges, start..at + 1)),
            _ => return None,
        }
    }
}

/// `"left right"`.
fn one(bytes: &[u8], at: usize, merges: &mut Merges) -> Option<usize> {
    let end = string(bytes, at)?;
    let merge = &bytes[at + 1..end - 1];
    let space = memchr::memchr(b' ', merge)?;
    if memchr::memchr(b' ', &merge[space + 1..]).is_some() || merge.starts_with(b"#version") {
        return None;
    }
    if merge.contains(&b'\\') {
        let merge = unescaped(merge)?;
        let (left, right) = merge.split_once(' ')?;
        if right.contains(' ') {
            return None;
        }
        merges.push(left, right).ok()?;
    } else {
        merges.push_within(at + 1..at + 1 + space, at + 2 + space..end - 1)?;
    }
    Some(end)
}

/// `["left", "right"]`.
fn two(bytes: &[u8], at: usize, merges: &mut Merges) -> Option<usize> {
    let left = blank(bytes, at + 1);
    let left_end = string(bytes, left)?;
    let comma = blank(bytes, left_end);
    let right = blank(bytes, comma + 1);
    let right_end = string(bytes, right)?;
    let end = blank(bytes, right_end);
    if bytes.get(comma) != Some(&b',') || bytes.get(end) != Some(&b']') {
        return None;
    }
    let (a, b) = (left + 1..left_end - 1, right + 1..right_end - 1);
    if bytes[a.clone()].contains(&b'\\') || bytes[b.clone()].contains(&b'\\') {
        merges.push(&unescaped(&bytes[a])?, &unescaped(&bytes[b])?).ok()?;
    } else {
        merges.push_within(a, b)?;
    }
    Some(end + 1)
}

/// The end of the string that begins at `at`, after its quote; eight bytes at a time.
#[inline]
fn string(bytes: &[u8], at: usize) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let mut at = at + 1;
    loop {
        if let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
            let word = u64::from_le_bytes(*word);
            let zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
            let quote = zero(word ^ (ONES * u64::from(b'"')));
            let slash = zero(word ^ (ONES * u64::from(b'\\')));
            let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
            let special = quote | slash | control;
            if special == 0 {
                at += 8;
                continue;
            }
            at += (special.trailing_zeros() / 8) as usize;
        }
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            0..0x20 => return None,
            _ => at += 1,
        }
    }
}

/// The next position without white space.
#[inline]
fn blank(bytes: &[u8], mut at: usize) -> usize {
    const SPACES: u64 = u64::from_le_bytes([b' '; 8]);
    while bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .is_some_and(|word| u64::from_le_bytes(*word) == SPACES)
    {
        at += 8;
    }
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

/// The id at `start`, and its end.
#[inline]
fn number(bytes: &[u8], start: usize) -> Option<(u32, usize)> {
    let (mut value, mut at) = (0u32, start);
    while let Some(digit @ b'0'..=b'9') = bytes.get(at) {
        value = value.checked_mul(10)?.checked_add(u32::from(digit - b'0'))?;
        at += 1;
    }
    let leading_zero = at > start + 1 && bytes[start] == b'0';
    (at > start && !leading_zero).then_some((value, at))
}

fn unescaped(text: &[u8]) -> Option<String> {
    serde_json::from_slice(&[b"\"", text, b"\""].concat()).ok()
}
