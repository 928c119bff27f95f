//! Whose account encrypted what is in an answer that passes: it says so from then on.

use ark_dialect::account::marking;
use ark_dialect::translate::Client;
use proxy_wasm::types::BufferType;

use super::ProviderFilter;
use super::translated::account_of;
use crate::host;

impl ProviderFilter {
    /// An answer to a client of Responses, which holds OpenAI's own encrypted reasoning.
    pub(super) fn begin_marking(&mut self, client: Client) {
        if client != Client::Responses {
            return;
        }
        let account = self.live.as_ref().map(|live| account_of(&live.borrow()));
        self.marking = account.and_then(|account| marking(&account));
        if self.marking.is_some() {
            // How long it becomes is not known yet.
            host::remove_response_header("content-length");
        }
    }

    /// Marks a chunk of a stream, or what is to take its place.
    pub(super) fn mark_account(&mut self, chunk: &[u8], replaced: &mut Option<Vec<u8>>) {
        let Some(marking) = &mut self.marking else {
            return;
        };
        let marked = marking.push(replaced.as_deref().unwrap_or(chunk));
        if marked.is_some() {
            *replaced = marked;
        }
    }

    /// Marks what the client gets now of a JSON answer; `releases` with the head, all that was held.
    pub(super) fn mark_json(&mut self, size: usize, (releases, end): (bool, bool)) {
        let Some(marking) = &mut self.marking else {
            return;
        };
        let body = host::body(BufferType::HttpResponseBody, 0, size);
        let marked = marking.push(&body);
        if releases && end {
            let length = marked.as_ref().map_or(size, Vec::len).to_string();
            host::set_response_header("content-length", &length);
        }
        if let Some(marked) = marked {
            host::replace_body(BufferType::HttpResponseBody, size, &marked);
        }
    }
}
