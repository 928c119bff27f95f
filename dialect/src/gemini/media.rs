//! Images, documents and sound in a request.

use std::borrow::Cow;

use super::generation::Generation;
use super::request::{Blob, FileData, Part};
use crate::chat::Source;

/// Endings of paths and what they stand for, of the types that Gemini documents.
const TYPES: [(&str, &str); 22] = [
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("webp", "image/webp"),
    ("heic", "image/heic"),
    ("heif", "image/heif"),
    ("gif", "image/gif"),
    ("pdf", "application/pdf"),
    ("txt", "text/plain"),
    ("md", "text/markdown"),
    ("html", "text/html"),
    ("csv", "text/csv"),
    ("xml", "text/xml"),
    ("json", "application/json"),
    ("wav", "audio/wav"),
    ("mp3", "audio/mp3"),
    ("ogg", "audio/ogg"),
    ("flac", "audio/flac"),
    ("aac", "audio/aac"),
    ("mp4", "video/mp4"),
    ("mov", "video/mov"),
    ("webm", "video/webm"),
];

/// A part for `source`; `None` when Gemini cannot take it.
///
/// By `fileData` it takes `gs://` objects, URIs of its own Files API, and from 2.5 on public or
/// signed HTTP URLs (<https://ai.google.dev/gemini-api/docs/file-input-methods>); ids of other
/// stores it does not know. A URL's media type must be said: it follows from the path's ending, and
/// is `default_type` where that says nothing.
pub(super) fn source_part<'a>(
    source: &'a Source,
    default_type: &'static str,
    generation: Generation,
) -> Option<Part<'a>> {
    match source {
        Source::Base64 { media_type, data } => Some(inline(Cow::Borrowed(media_type), data)),
        Source::Text(text) => Some(Part::text(text)),
        Source::Url(uri) | Source::FileId(uri) => {
            let stored = uri.starts_with("gs://") || is_files_api(uri);
            let fetched = uri.starts_with("https://") || uri.starts_with("http://");
            (stored || (fetched && generation >= Generation::V2_5)).then(|| Part {
                file_data: Some(FileData {
                    mime_type: (!is_files_api(uri)).then(|| guess(uri).unwrap_or(default_type)),
                    file_uri: uri,
                }),
                ..Part::default()
            })
        }
    }
}

/// A part for a sound in OpenAI's form.
pub(super) fn audio_part<'a>(data: &'a str, format: &str) -> Part<'a> {
    let media_type = TYPES
        .iter()
        .find(|(ending, media_type)| *ending == format && media_type.starts_with("audio/"))
        .map_or_else(
            || Cow::Owned(format!("audio/{format}")),
            |(_, media_type)| Cow::Borrowed(*media_type),
        );
    inline(media_type, data)
}

fn inline<'a>(mime_type: Cow<'a, str>, data: &'a str) -> Part<'a> {
    Part {
        inline_data: Some(Blob { mime_type, data }),
        ..Part::default()
    }
}

/// Files there have a type of their own.
fn is_files_api(uri: &str) -> bool {
    uri.strip_prefix("https://generativelanguage.googleapis.com/")
        .is_some_and(|path| path.contains("/files/"))
}

fn guess(uri: &str) -> Option<&'static str> {
    let path = uri.split(['?', '#']).next()?;
    let (_, ending) = path.rsplit_once('.')?;
    TYPES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(ending))
        .map(|(_, media_type)| *media_type)
}
