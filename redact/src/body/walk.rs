//! The strings and numbers of a JSON document, one after another, and where they stand.

use std::ops::Range;

use super::{MOST_DEPTH, NotJson, name};

/// An object or array that is open.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) is_array: bool,
    /// Which one: unlike all before it.
    pub(super) serial: u32,
    /// In an array, the place of the element under way.
    pub(super) index: usize,
    /// In an object, the name of the member under way as it stands, without quotes.
    pub(super) name: Range<usize>,
    /// Whether all in it is the client's own: the arguments of a tool.
    pub(super) is_free: bool,
}

/// What stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A member's name.
    Name,
    /// A string.
    Text,
    /// A number.
    Number,
}

/// Something that may be content; a string without its quotes.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) what: What,
    pub(super) at: Range<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Value,
    /// A value, or the end of an array that has none.
    FirstValue,
    Name,
    /// A name, or the end of an object that has none.
    FirstName,
    /// A comma or the end.
    After,
}

/// The walk, wherever it is.
pub(super) struct Walk<'a> {
    body: &'a str,
    at: usize,
    next: Next,
    frames: Vec<Frame>,
    serial: u32,
}

impl<'a> Walk<'a> {
    pub(super) fn new(body: &'a str) -> Self {
        Self {
            body,
            at: 0,
            next: Next::Value,
            frames: Vec::new(),
            serial: 0,
        }
    }

    /// What is open around the last token, the outermost first.
    pub(super) fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// The next token; `None` at the end.
    pub(super) fn token(&mut self) -> Result<Option<Token>, NotJson> {
        loop {
            self.skip(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t'));
            let Some(byte) = self.peek() else {
                let is_whole = self.frames.is_empty() && self.next == Next::After;
                return if is_whole { Ok(None) } else { self.wrong() };
            };
            match (self.next, byte) {
                (Next::Value | Next::FirstValue, b'"') => {
                    let at = self.string()?;
                    self.next = Next::After;
                    let what = What::Text;
                    return Ok(Some(Token { what, at }));
                }
                (Next::Value | Next::FirstValue, b'-' | b'0'..=b'9') => {
                    let start = self.at;
                    self.skip(|b| {
                        b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E')
                    });
                    self.next = Next::After;
                    let (what, at) = (What::Number, start..self.at);
                    return Ok(Some(Token { what, at }));
                }
                (Next::Value | Next::FirstValue, b'a'..=b'z') => {
                    self.skip(|b| b.is_ascii_lowercase());
                    self.next = Next::After;
                }
                (Next::Value | Next::FirstValue, b'{' | b'[') => self.open(byte == b'[')?,
                (Next::Name | Next::FirstName, b'"') => return self.name().map(Some),
                (Next::FirstName | Next::After, b'}') => self.close(false)?,
                (Next::FirstValue | Next::After, b']') => self.close(true)?,
                (Next::After, b',') => self.comma()?,
                _ => return self.wrong(),
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.body.as_bytes().get(self.at).copied()
    }

    fn skip(&mut self, is_skipped: impl Fn(u8) -> bool) {
        let rest = self.body.as_bytes().get(self.at..).unwrap_or_default();
        let len = rest.iter().position(|byte| !is_skipped(*byte));
        self.at += len.unwrap_or(rest.len());
    }

    fn wrong<T>(&self) -> Result<T, NotJson> {
        Err(NotJson { offset: self.at })
    }

    /// A string, from its quote; what is between its quotes.
    fn string(&mut self) -> Result<Range<usize>, NotJson> {
        self.at += 1;
        let start = self.at;
        loop {
            self.skip(|byte| byte != b'"' && byte != b'\\');
            match self.peek() {
                Some(b'"') => break,
                Some(_) => self.at += 2,
                None => return self.wrong(),
            }
        }
        self.at += 1;
        Ok(start..self.at - 1)
    }

    fn name(&mut self) -> Result<Token, NotJson> {
        let at = self.string()?;
        self.skip(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t'));
        if self.peek() != Some(b':') {
            return self.wrong();
        }
        self.at += 1;
        self.next = Next::Value;
        if let Some(frame) = self.frames.last_mut() {
            frame.name = at.clone();
        }
        let what = What::Name;
        Ok(Token { what, at })
    }

    fn open(&mut self, is_array: bool) -> Result<(), NotJson> {
        if self.frames.len() >= MOST_DEPTH || (is_array && self.frames.is_empty()) {
            return self.wrong();
        }
        let is_free = name::is_free(self.body, &self.frames);
        self.at += 1;
        self.serial = self.serial.wrapping_add(1);
        self.frames.push(Frame {
            is_array,
            serial: self.serial,
            index: 0,
            name: 0..0,
            is_free,
        });
        self.next = if is_array {
            Next::FirstValue
        } else {
            Next::FirstName
        };
        Ok(())
    }

    fn close(&mut self, is_array: bool) -> Result<(), NotJson> {
        match self.frames.pop() {
            Some(frame) if frame.is_array == is_array => {
                self.at += 1;
                self.next = Next::After;
                Ok(())
            }
            Some(_) | None => self.wrong(),
        }
    }

    fn comma(&mut self) -> Result<(), NotJson> {
        let Some(frame) = self.frames.last_mut() else {
            return self.wrong();
        };
        frame.index += 1;
        self.next = if frame.is_array {
            Next::Value
        } else {
            Next::Name
        };
        self.at += 1;
        Ok(())
    }
}
