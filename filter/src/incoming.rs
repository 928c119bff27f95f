//! A snapshot on its way in, page by page, and what a fresh VM finds of it.

use std::sync::Arc;

use ark_gateway_core::keys::{KeyPage, PageBytes, Paged, Stage};
use ark_gateway_core::snapshot::Snapshot;
use ark_gateway_core::sync::{PagesWanted, SyncResponse};
use ark_link::Kept;
use proxy_wasm::hostcalls;

use crate::host;
use crate::vm::Vm;

/// Where a fresh VM finds the last snapshot that any worker ran.
const KEPT: &str = "ark.snapshot";

/// Pages that nobody uses any more are let go a few at a time: each may hold hundreds of keys.
const RETIRED_PER_TICK: usize = 16;

/// What is not running yet, and where its pages are kept.
#[derive(Default)]
pub(crate) struct Incoming {
    stage: Option<Stage>,
    /// Each page of the snapshot that runs is kept in one of two places; the next goes to the other, so
    /// that a VM which starts in between finds all of one snapshot.
    second: Vec<bool>,
    /// Places of the pages that were written since.
    next: Vec<bool>,
    retired: Vec<Arc<KeyPage>>,
}

/// Takes what the sidecar said; whether to ask for more at once.
pub(crate) fn take(vm: &mut Vm, response: SyncResponse) -> bool {
    let brings = response.snapshot.is_some() || !response.pages.is_empty();
    if let Some(snapshot) = response.snapshot {
        begin(vm, snapshot);
    }
    for (number, page) in response.pages {
        take_page(&mut vm.incoming, number, page);
    }
    if let Some(scores) = response.scores {
        match &mut vm.incoming.stage {
            Some(stage) if *stage.version() == scores.snapshot => stage.scores = Some(scores),
            Some(_) | None => vm.scores = Some(scores),
        }
    }
    let lacks = vm.incoming.stage.as_ref().map(|s| !s.missing().is_empty());
    match lacks {
        None => false,
        Some(true) => brings,
        Some(false) => {
            run(vm);
            false
        }
    }
}

fn begin(vm: &mut Vm, snapshot: Snapshot) {
    let own: Vec<_> = match &vm.policy {
        Some(policy) => policy.pages().iter().cloned().map(Some).collect(),
        None => Vec::new(),
    };
    match Stage::begin(snapshot, &own) {
        Ok(mut stage) => {
            let incoming = &mut vm.incoming;
            let mut next = incoming.second.clone();
            next.resize(stage.pages().len(), false);
            // Whatever changes how often: what has come since is not asked for again.
            if let Some(earlier) = &incoming.stage {
                for number in stage.adopt(earlier) {
                    let at = usize::from(number);
                    if let (Some(to), Some(from)) = (next.get_mut(at), incoming.next.get(at)) {
                        *to = *from;
                    }
                }
            }
            incoming.next = next;
            incoming.stage = Some(stage);
        }
        Err(bad) => vm.refuse(bad),
    }
}

fn take_page(incoming: &mut Incoming, number: u16, page: PageBytes) {
    let at = usize::from(number);
    let was_second = incoming.second.get(at).copied().unwrap_or(true);
    if let (Some(stage), Some(second)) = (&mut incoming.stage, incoming.next.get_mut(at))
        && stage.take(number, page.clone())
    {
        *second = !was_second;
        host::report(
            "page",
            hostcalls::set_shared_data(&place(at, *second), Some(&page.0), None),
        );
    }
}

fn place(number: usize, second: bool) -> String {
    let which = if second { 'b' } else { 'a' };
    format!("ark.keys.{number}.{which}")
}

/// The snapshot is all there.
fn run(vm: &mut Vm) {
    let Some(stage) = vm.incoming.stage.take() else {
        return;
    };
    match stage.finish() {
        Ok((policy, scores)) => {
            let kept = Kept {
                snapshot: policy.snapshot().clone(),
                second: std::mem::take(&mut vm.incoming.next),
            };
            if let Ok(bytes) = ark_link::write_kept(&kept) {
                host::report(
                    "snapshot",
                    hostcalls::set_shared_data(KEPT, Some(&bytes), None),
                );
            }
            vm.incoming.second = kept.second;
            let before = vm.install(policy);
            if let Some(before) = before {
                let new = vm.policy.as_ref().map_or(&[][..], |policy| policy.pages());
                let gone = before.pages().iter().enumerate().filter(|(at, page)| {
                    let same = |new: &Arc<KeyPage>| Arc::ptr_eq(new, page);
                    !new.get(*at).is_some_and(same)
                });
                vm.incoming
                    .retired
                    .extend(gone.map(|(_, page)| Arc::clone(page)));
            }
            if scores.is_some() {
                vm.scores = scores;
            }
        }
        Err(bad) => vm.refuse(bad),
    }
}

/// Lets go of some of what is not used any more.
pub(crate) fn tidy(vm: &mut Vm) {
    let left = vm.incoming.retired.len().saturating_sub(RETIRED_PER_TICK);
    vm.incoming.retired.truncate(left);
}

/// The newest scores that are here, whether or not they are in use.
pub(crate) fn newest_scores(vm: &Vm) -> u64 {
    let staged = vm.incoming.stage.as_ref().and_then(|s| s.scores.as_ref());
    staged.or(vm.scores.as_ref()).map_or(0, |s| s.sequence)
}

/// What the snapshot on its way in lacks.
pub(crate) fn wanted(vm: &Vm) -> PagesWanted {
    let stage = vm.incoming.stage.as_ref();
    PagesWanted {
        snapshot: stage.map(|stage| stage.version().clone()),
        numbers: stage.map(Stage::missing).unwrap_or_default(),
    }
}

/// Begins with the last snapshot that any worker of this Envoy ran. Where a page of it has just been
/// replaced, the sidecar is asked for that.
pub(crate) fn restore(vm: &mut Vm) -> bool {
    let kept = hostcalls::get_shared_data(KEPT).ok().and_then(|(b, _)| b);
    let Some(kept) = kept.and_then(|bytes| ark_link::read_kept(&bytes).ok()) else {
        return false;
    };
    let Ok(mut stage) = Stage::begin(kept.snapshot, &[]) else {
        return false;
    };
    for (number, second) in (0u16..).zip(&kept.second) {
        let place = place(usize::from(number), *second);
        if let Ok((Some(bytes), _)) = hostcalls::get_shared_data(&place) {
            stage.take(number, PageBytes(bytes.into()));
        }
    }
    vm.incoming.second.clone_from(&kept.second);
    vm.incoming.next = kept.second;
    let is_whole = stage.missing().is_empty();
    vm.incoming.stage = Some(stage);
    if is_whole {
        run(vm);
    }
    is_whole
}

/// Begins with the configured snapshot.
pub(crate) fn configured(vm: &mut Vm, paged: Paged) {
    begin(vm, paged.snapshot);
    for (number, page) in (0u16..).zip(paged.pages) {
        take_page(&mut vm.incoming, number, page);
    }
    run(vm);
}
