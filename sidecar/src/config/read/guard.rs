//! `guard`: what is looked for in the content of requests.

use ark_gateway_core::access::ENDPOINTS;
use ark_gateway_core::guard::{Action, MOST_GUARDS};
use ark_gateway_core::record::Endpoint;
use ark_redact::{Kind, Kinds};

use super::super::access::WhoConfig;
use super::super::guard::GuardConfig;
use super::super::node::{Fields, Node};
use super::access::{read_who, some};
use super::{Names, read_name, read_reference};

const ACTIONS: [(&str, Action); 3] = [
    ("mask", Action::Mask),
    ("refuse", Action::Refuse),
    ("count", Action::Count),
];

/// Endpoints that content is sent to.
type Endpoints = Option<Vec<Endpoint>>;

/// All guards.
pub(super) fn read_all(fields: &mut Fields<'_, '_>, names: &Names) -> Option<Vec<GuardConfig>> {
    fields.or("guard", Vec::new(), |node| {
        node.each(MOST_GUARDS, |item| read(item, names))
    })
}

fn read(node: &Node<'_>, names: &Names) -> Option<GuardConfig> {
    let mut fields = node.fields()?;
    let name = fields.must("name", |node| {
        let name = read_name(node)?;
        names.claim("guard", &name, node)?;
        Some(name)
    });
    let find = fields.must("find", read_kinds);
    let action = fields.must("action", |node| node.one_of(&ACTIONS));
    let who = fields.or("who", WhoConfig::default(), |node| read_who(node, names));
    let what = fields.or("what", (None, None), |node| read_what(node, names));
    fields.finish("")?;
    let (models, endpoints) = what?;
    Some(GuardConfig {
        name: name?,
        find: find?,
        action: action?,
        who: who?,
        models,
        endpoints,
    })
}

/// Kinds by their names, or all secrets, or all that is personal.
fn read_kinds(node: &Node<'_>) -> Option<Kinds> {
    let secrets: Kinds = Kind::ALL.into_iter().filter(|k| k.is_secret()).collect();
    let mut known = vec![
        ("secrets", secrets),
        ("personal", Kinds::ALL.without(secrets)),
    ];
    known.extend(Kind::ALL.map(|kind| (kind.as_str(), Kinds::default().with(kind))));
    let kinds = some(node, |item| item.one_of(&known))?;
    Some(kinds.into_iter().fold(Kinds::default(), Kinds::or))
}

fn read_what(node: &Node<'_>, names: &Names) -> Option<(Option<Vec<String>>, Endpoints)> {
    let mut fields = node.fields()?;
    let models = fields.maybe("models", |node| {
        some(node, |item| read_reference(item, "model", &names.models))
    });
    let endpoints = fields.maybe("endpoints", |node| {
        some(node, |item| item.one_of(&ENDPOINTS))
    });
    fields.finish("")?;
    Some((models?, endpoints?))
}
