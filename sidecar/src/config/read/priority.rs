//! `priorities`: weights and promises, each with a default.

use ark_gateway_core::priority::{PrioritySpec, Slo, Weights};

use super::super::node::Node;

/// What runs when the file does not say.
pub(super) fn defaults() -> [PrioritySpec; 3] {
    [
        PrioritySpec {
            weights: weights([0.1, 0.35, 0.4, 0.1, 0.05]),
            slo: slo(2_000.0, 0.001),
            exploration_share: 0.0,
        },
        PrioritySpec {
            weights: weights([0.3, 0.3, 0.25, 0.1, 0.05]),
            slo: slo(5_000.0, 0.005),
            exploration_share: 0.02,
        },
        PrioritySpec {
            weights: weights([0.7, 0.05, 0.15, 0.1, 0.0]),
            slo: slo(30_000.0, 0.02),
            exploration_share: 0.05,
        },
    ]
}

fn weights([cost, performance, reliability, load, compliance]: [f32; 5]) -> Weights {
    Weights {
        cost,
        performance,
        reliability,
        load,
        compliance,
    }
}

fn slo(latency_ms: f32, failure_rate: f32) -> Slo {
    Slo {
        latency_ms,
        failure_rate,
    }
}

pub(super) fn read(node: &Node<'_>) -> Option<[PrioritySpec; 3]> {
    let [critical, standard, batch] = defaults();
    let mut fields = node.fields()?;
    let critical = fields.or("critical", critical, |node| {
        read_one(node, critical, Exploring::Never)
    });
    let standard = fields.or("standard", standard, |node| {
        read_one(node, standard, Exploring::Little)
    });
    let batch = fields.or("batch", batch, |node| {
        read_one(node, batch, Exploring::Little)
    });
    fields.finish("")?;
    Some([critical?, standard?, batch?])
}

#[derive(Clone, Copy)]
enum Exploring {
    Never,
    Little,
}

fn read_one(node: &Node<'_>, default: PrioritySpec, exploring: Exploring) -> Option<PrioritySpec> {
    let mut fields = node.fields()?;
    let weights = fields.or("weights", default.weights, |node| {
        read_weights(node, default.weights)
    });
    let slo = fields.or("slo", default.slo, |node| read_slo(node, default.slo));
    let exploration_share =
        fields.or(
            "exploration_share",
            default.exploration_share,
            |node| match exploring {
                Exploring::Never => node
                    .number("0: critical requests are never explored with", |share| {
                        share == 0.0
                    }),
                Exploring::Little => node.number("a number from 0 to 0.2", |share| {
                    (0.0..=0.2).contains(&share)
                }),
            },
        );
    fields.finish("")?;
    Some(PrioritySpec {
        weights: weights?,
        slo: slo?,
        exploration_share: exploration_share?,
    })
}

fn read_weights(node: &Node<'_>, default: Weights) -> Option<Weights> {
    let weight = |node: &Node<'_>| {
        node.number("a number from 0 to 1000", |weight| {
            (0.0..=1_000.0).contains(&weight)
        })
    };
    let mut fields = node.fields()?;
    let cost = fields.or("cost", default.cost, weight);
    let performance = fields.or("performance", default.performance, weight);
    let reliability = fields.or("reliability", default.reliability, weight);
    let load = fields.or("load", default.load, weight);
    let compliance = fields.or("compliance", default.compliance, weight);
    fields.finish("")?;
    let values = [cost?, performance?, reliability?, load?, compliance?];
    if values.iter().all(|weight| *weight == 0.0) {
        return node.problem("are all 0, one of them must be above");
    }
    Some(weights(values))
}

fn read_slo(node: &Node<'_>, default: Slo) -> Option<Slo> {
    let mut fields = node.fields()?;
    let latency_ms = fields.or("latency_ms", default.latency_ms, |node| {
        node.number("a number from 1 to 3600000", |value| {
            (1.0..=3_600_000.0).contains(&value)
        })
    });
    let failure_rate = fields.or("failure_rate", default.failure_rate, |node| {
        node.number("a number above 0 and below 1", |value| {
            value > 0.0 && value < 1.0
        })
    });
    fields.finish("")?;
    Some(slo(latency_ms?, failure_rate?))
}
