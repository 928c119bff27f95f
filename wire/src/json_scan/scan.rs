//! The scan itself, for any number of wanted members.

use super::key::{Key, KeyStep};
use super::value::{Fault, Skipper};
use super::{Keys, Kind, Member, ScanError, Wanted};
use crate::bytes::{head, is_space, tail};

/// The wanted members that were found, in the order of the wanted ones.
type Members = [Option<Member>];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    FirstKey,
    NextKey,
    Key,
    Colon,
    BeforeValue,
    Value,
    AfterValue,
    End,
}

/// The scan, wherever it is in the body.
#[derive(Debug)]
pub(super) struct Scan {
    wanted: &'static [Wanted],
    keys: Keys,
    state: State,
    error: Option<ScanError>,
    offset: usize,
    object_open: usize,
    current: Option<usize>,
    key_start: usize,
    key: Key,
    value: Skipper,
}

/// Where a complete object stood.
pub(super) struct Ended {
    pub(super) object_open: usize,
    pub(super) body_len: usize,
}

impl Scan {
    pub(super) fn new(wanted: &'static [Wanted], keys: Keys) -> Self {
        Self {
            wanted,
            keys,
            state: State::Start,
            error: None,
            offset: 0,
            object_open: 0,
            current: None,
            key_start: 0,
            key: Key::new(),
            value: Skipper::Scalar,
        }
    }

    pub(super) fn push(&mut self, chunk: &[u8], members: &mut Members) {
        let mut rest = chunk;
        while !rest.is_empty() && self.error.is_none() {
            match self.step(rest, members) {
                Ok(consumed) => {
                    self.offset += consumed;
                    rest = tail(rest, consumed);
                }
                Err(error) => self.error = Some(error),
            }
        }
    }

    pub(super) fn opened(&self) -> bool {
        self.state != State::Start
    }

    pub(super) fn failed(&self) -> bool {
        self.error.is_some()
    }

    pub(super) fn ended(&self) -> Result<Ended, ScanError> {
        match (self.error, self.state) {
            (Some(error), _) => Err(error),
            (None, State::End) => Ok(Ended {
                object_open: self.object_open,
                body_len: self.offset,
            }),
            (None, State::Start) => Err(ScanError::Empty),
            (None, _) => Err(ScanError::Truncated),
        }
    }

    /// Consumes some of `bytes`, which are not empty; 0 only when the state changes.
    fn step(&mut self, bytes: &[u8], members: &mut Members) -> Result<usize, ScanError> {
        match self.state {
            State::Key => self.read_key(bytes),
            State::Value => self.read_value(bytes, members),
            State::Start
            | State::FirstKey
            | State::NextKey
            | State::Colon
            | State::BeforeValue
            | State::AfterValue
            | State::End => match bytes.iter().position(|&byte| !is_space(byte)) {
                None => Ok(bytes.len()),
                Some(0) => self.structure(bytes.first().copied().unwrap_or_default(), members),
                Some(spaces) => Ok(spaces),
            },
        }
    }

    fn structure(&mut self, byte: u8, members: &mut Members) -> Result<usize, ScanError> {
        self.state = match (self.state, byte) {
            (State::Start, b'{') => {
                self.object_open = self.offset + 1;
                State::FirstKey
            }
            (State::Start, byte) if Kind::of(byte).is_some() => return Err(ScanError::NotAnObject),
            (State::FirstKey | State::NextKey, b'"') => {
                self.key = Key::new();
                self.key_start = self.offset;
                State::Key
            }
            (State::FirstKey | State::AfterValue, b'}') => State::End,
            (State::Colon, b':') => State::BeforeValue,
            (State::BeforeValue, byte) => return self.begin_value(byte, members),
            (State::AfterValue, b',') => State::NextKey,
            _ => return Err(self.unexpected(0)),
        };
        Ok(1)
    }

    fn read_key(&mut self, bytes: &[u8]) -> Result<usize, ScanError> {
        for (at, &byte) in bytes.iter().enumerate() {
            match self.key.push(byte, self.keys) {
                KeyStep::More => {}
                KeyStep::Bad => return Err(self.unexpected(at)),
                KeyStep::Closed => {
                    self.current = self.key.find(self.wanted);
                    if self.current.is_none()
                        && self.keys == Keys::Folded
                        && let Some(name) = self.key.find_folded(self.wanted)
                    {
                        return Err(ScanError::Duplicate { name });
                    }
                    self.state = State::Colon;
                    return Ok(at + 1);
                }
            }
        }
        Ok(bytes.len())
    }

    /// Consumes nothing: the value's first byte is read, and kept, with the rest of it.
    fn begin_value(&mut self, byte: u8, members: &mut Members) -> Result<usize, ScanError> {
        let kind = Kind::of(byte).ok_or_else(|| self.unexpected(0))?;
        if let Some(index) = self.current
            && let Some(wanted) = self.wanted.get(index)
            && let Some(slot) = members.get_mut(index)
        {
            if wanted.unique && slot.is_some() {
                return Err(ScanError::Duplicate { name: wanted.name });
            }
            *slot = Some(Member {
                key_start: self.key_start,
                span: self.offset..self.offset,
                kind,
                raw: Vec::new(),
                closed: false,
            });
        }
        self.value = Skipper::new(kind);
        self.state = State::Value;
        Ok(0)
    }

    fn read_value(&mut self, bytes: &[u8], members: &mut Members) -> Result<usize, ScanError> {
        let (consumed, closed) = self.value.skip(bytes).map_err(|fault| match fault {
            Fault::TooDeep => ScanError::TooDeep,
            Fault::Mismatch { at } => self.unexpected(at),
        })?;
        self.capture(head(bytes, consumed), closed, members);
        if closed {
            self.current = None;
            self.state = State::AfterValue;
        }
        Ok(consumed)
    }

    fn capture(&self, bytes: &[u8], closed: bool, members: &mut Members) {
        if let Some(index) = self.current
            && let Some(wanted) = self.wanted.get(index)
            && let Some(Some(member)) = members.get_mut(index)
        {
            let room = wanted.capture_bytes.saturating_sub(member.raw.len());
            member.raw.extend_from_slice(head(bytes, room));
            member.span.end = self.offset + bytes.len();
            member.closed = closed;
        }
    }

    fn unexpected(&self, at: usize) -> ScanError {
        ScanError::Unexpected {
            offset: self.offset + at,
        }
    }
}
