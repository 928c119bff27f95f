//! Whose logs they are: told by the names of their members or columns.

use super::json::Paths;

/// What is read of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// When.
    Time,
    /// Who served it.
    Provider,
    /// Which model.
    Model,
    /// Whose it was.
    Tenant,
    /// With which key.
    Key,
    /// Prompt tokens.
    Input,
    /// Completion tokens.
    Output,
    /// Of the prompt tokens, cached ones.
    Cached,
    /// How many requests the line stands for; 1 where it does not say.
    Requests,
    /// The cost in units of the currency.
    Cost,
    /// The cost in millionths.
    CostMicro,
    /// The currency; US dollars where the line does not say.
    Currency,
    /// How it ended: a status code, or a word.
    Status,
}

/// How many slots there are.
pub(super) const SLOTS: usize = 13;

const SLOT_NAMES: [(&str, Slot); SLOTS] = [
    ("time", Slot::Time),
    ("provider", Slot::Provider),
    ("model", Slot::Model),
    ("tenant", Slot::Tenant),
    ("key", Slot::Key),
    ("input", Slot::Input),
    ("output", Slot::Output),
    ("cached", Slot::Cached),
    ("requests", Slot::Requests),
    ("cost", Slot::Cost),
    ("cost_micro", Slot::CostMicro),
    ("currency", Slot::Currency),
    ("status", Slot::Status),
];

/// An operator's word where something is: `model=.request.model`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    slot: Slot,
    path: String,
}

impl Mapping {
    /// Reads `SLOT=PATH`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let names = || SLOT_NAMES.map(|(name, _)| name).join(", ");
        let (name, path) = text
            .split_once('=')
            .ok_or_else(|| format!("is NAME=.path, with a name of {}", names()))?;
        let slot = SLOT_NAMES.iter().find(|(known, _)| *known == name.trim());
        let (_, slot) = slot.ok_or_else(|| format!("{name} is none of {}", names()))?;
        let path = path.trim().trim_start_matches('.');
        if path.is_empty() || path.split('.').any(str::is_empty) {
            return Err("needs a path such as .request.model".to_owned());
        }
        Ok(Self {
            slot: *slot,
            path: path.to_owned(),
        })
    }
}

/// A known kind of log.
pub(super) struct Kind {
    /// What it is called.
    pub(super) name: &'static str,
    /// All of these must be there. The case of columns does not matter.
    signs: &'static [&'static str],
    /// Where what is; the first that has a value counts.
    places: &'static [(Slot, &'static str)],
    /// The provider where no line says one.
    pub(super) provider: &'static str,
}

/// The kinds, most particular first.
static KINDS: [Kind; 9] = [
    Kind {
        name: "Ark's ledger (FOCUS)",
        signs: &["x_CostMicro", "x_Settlement", "ChargePeriodStart"],
        places: &[
            (Slot::Time, "ChargePeriodStart"),
            (Slot::Provider, "ProviderName"),
            (Slot::Model, "x_Model"),
            (Slot::Tenant, "SubAccountId"),
            (Slot::Key, "x_KeyId"),
            (Slot::Input, "x_InputTokens"),
            (Slot::Output, "x_OutputTokens"),
            (Slot::Cached, "x_CachedTokens"),
            (Slot::CostMicro, "x_CostMicro"),
            (Slot::Currency, "BillingCurrency"),
            (Slot::Status, "x_Verdict"),
        ],
        provider: "",
    },
    // https://focus.finops.org/focus-specification/
    Kind {
        name: "FOCUS",
        signs: &["BilledCost", "ChargePeriodStart"],
        places: &[
            (Slot::Time, "ChargePeriodStart"),
            (Slot::Provider, "ProviderName"),
            (Slot::Model, "ResourceName"),
            (Slot::Model, "SkuMeter"),
            (Slot::Model, "ServiceName"),
            (Slot::Tenant, "SubAccountName"),
            (Slot::Tenant, "SubAccountId"),
            (Slot::Key, "ResourceId"),
            (Slot::Cost, "BilledCost"),
            (Slot::Currency, "BillingCurrency"),
        ],
        provider: "",
    },
    // LiteLLM_SpendLogs of github.com/BerriAI/litellm
    Kind {
        name: "LiteLLM spend log",
        signs: &["spend", "startTime", "call_type"],
        places: &[
            (Slot::Time, "startTime"),
            (Slot::Provider, "custom_llm_provider"),
            (Slot::Model, "model_group"),
            (Slot::Model, "model"),
            (Slot::Tenant, "team_id"),
            (Slot::Tenant, "end_user"),
            (Slot::Tenant, "user"),
            (Slot::Key, "api_key"),
            (Slot::Input, "prompt_tokens"),
            (Slot::Output, "completion_tokens"),
            (Slot::Cost, "spend"),
            (Slot::Status, "status"),
        ],
        provider: "",
    },
    // https://platform.openai.com/docs/api-reference/usage: costs
    Kind {
        name: "OpenAI costs",
        signs: &["amount_value", "line_item"],
        places: &[
            (Slot::Time, "start_time"),
            (Slot::Time, "start_time_iso"),
            (Slot::Model, "line_item"),
            (Slot::Tenant, "project_name"),
            (Slot::Tenant, "project_id"),
            (Slot::Key, "api_key_id"),
            (Slot::Cost, "amount_value"),
            (Slot::Currency, "amount_currency"),
        ],
        provider: "openai",
    },
    // https://platform.openai.com/docs/api-reference/usage: completions, embeddings
    Kind {
        name: "OpenAI usage",
        signs: &["num_model_requests", "input_tokens"],
        places: &[
            (Slot::Time, "start_time"),
            (Slot::Time, "start_time_iso"),
            (Slot::Model, "model"),
            (Slot::Tenant, "project_name"),
            (Slot::Tenant, "project_id"),
            (Slot::Key, "api_key_id"),
            (Slot::Input, "input_tokens"),
            (Slot::Output, "output_tokens"),
            (Slot::Cached, "input_cached_tokens"),
            (Slot::Requests, "num_model_requests"),
        ],
        provider: "openai",
    },
    // https://learn.microsoft.com/azure/cost-management-billing/dataset-schema/schema-index
    Kind {
        name: "Azure cost details",
        signs: &["MeterCategory", "CostInBillingCurrency"],
        places: AZURE,
        provider: "azure",
    },
    // Pay-as-you-go has the cost under this name.
    Kind {
        name: "Azure cost details",
        signs: &["MeterCategory", "MeterName", "Cost"],
        places: AZURE,
        provider: "azure",
    },
    Kind {
        name: "Azure usage details",
        signs: &["MeterCategory", "PreTaxCost"],
        places: AZURE,
        provider: "azure",
    },
    // https://github.com/Azure/AzurePublicDataset
    Kind {
        name: "Azure LLM inference trace",
        signs: &["TIMESTAMP", "ContextTokens", "GeneratedTokens"],
        places: &[
            (Slot::Time, "TIMESTAMP"),
            (Slot::Input, "ContextTokens"),
            (Slot::Output, "GeneratedTokens"),
        ],
        provider: "azure",
    },
];

/// What is none of these.
static ANY: Kind = Kind {
    name: "generic",
    signs: &[],
    places: GENERIC,
    provider: "",
};

const AZURE: &[(Slot, &str)] = &[
    (Slot::Time, "Date"),
    (Slot::Time, "UsageDateTime"),
    (Slot::Model, "MeterName"),
    (Slot::Tenant, "SubscriptionName"),
    (Slot::Tenant, "SubscriptionId"),
    (Slot::Key, "ResourceGroup"),
    (Slot::Key, "ResourceGroupName"),
    (Slot::Cost, "CostInBillingCurrency"),
    (Slot::Cost, "PreTaxCost"),
    (Slot::Cost, "Cost"),
    (Slot::Currency, "BillingCurrencyCode"),
    (Slot::Currency, "BillingCurrency"),
    (Slot::Currency, "Currency"),
];

const GENERIC: &[(Slot, &str)] = &[
    (Slot::Time, "at_ms"),
    (Slot::Time, "timestamp"),
    (Slot::Time, "time"),
    (Slot::Time, "ts"),
    (Slot::Time, "@timestamp"),
    (Slot::Time, "created_at"),
    (Slot::Time, "created"),
    (Slot::Time, "start_time"),
    (Slot::Time, "response.created"),
    (Slot::Provider, "provider"),
    (Slot::Provider, "vendor"),
    (Slot::Provider, "gen_ai.provider.name"),
    (Slot::Model, "model"),
    (Slot::Model, "request.model"),
    (Slot::Model, "body.model"),
    (Slot::Model, "response.model"),
    (Slot::Tenant, "tenant"),
    (Slot::Tenant, "team"),
    (Slot::Tenant, "project"),
    (Slot::Tenant, "organization"),
    (Slot::Tenant, "user"),
    (Slot::Key, "key"),
    (Slot::Key, "key_id"),
    (Slot::Key, "api_key_id"),
    (Slot::Input, "input_tokens"),
    (Slot::Input, "prompt_tokens"),
    (Slot::Input, "usage.prompt_tokens"),
    (Slot::Input, "usage.input_tokens"),
    (Slot::Input, "response.usage.prompt_tokens"),
    (Slot::Input, "response.usage.input_tokens"),
    (Slot::Output, "output_tokens"),
    (Slot::Output, "completion_tokens"),
    (Slot::Output, "usage.completion_tokens"),
    (Slot::Output, "usage.output_tokens"),
    (Slot::Output, "response.usage.completion_tokens"),
    (Slot::Output, "response.usage.output_tokens"),
    (Slot::Cached, "cached_tokens"),
    (Slot::Cached, "usage.prompt_tokens_details.cached_tokens"),
    (Slot::Cost, "cost"),
    (Slot::Cost, "cost_usd"),
    (Slot::Cost, "total_cost"),
    (Slot::Cost, "usage.cost"),
    (Slot::Cost, "spend"),
    (Slot::CostMicro, "cost_micro_usd"),
    (Slot::Currency, "currency"),
    (Slot::Status, "status"),
    (Slot::Status, "status_code"),
    (Slot::Status, "response.status_code"),
];

/// How the lines of a file are read.
pub(super) struct Layout {
    /// The kind's name.
    pub(super) name: String,
    /// The provider where no line says one.
    pub(super) provider: &'static str,
    /// The slot of each value, in the order in which they are preferred.
    pub(super) slots: Vec<Slot>,
    pub(super) syntax: Syntax,
}

/// How a line is written.
pub(super) enum Syntax {
    Json(Paths),
    Csv {
        delimiter: u8,
        /// The value of each column.
        columns: Vec<Option<usize>>,
    },
}

/// The layout of lines of JSON whose first has these members.
pub(super) fn of_json(members: &[String], maps: &[Mapping]) -> Layout {
    let kind = kind_of(|sign| members.iter().any(|member| member == sign));
    let places = places(kind, maps);
    let tree = Paths::new(places.iter().map(|(_, path)| path.split('.').collect()));
    Layout {
        name: format!("{}, JSONL", kind.name),
        provider: kind.provider,
        slots: places.iter().map(|(slot, _)| *slot).collect(),
        syntax: Syntax::Json(tree),
    }
}

/// The layout of CSV with these columns; `None` when no column is one that is known.
pub(super) fn of_csv(columns: &[&[u8]], delimiter: u8, maps: &[Mapping]) -> Option<Layout> {
    let is = |column: &[u8], name: &str| column.eq_ignore_ascii_case(name.as_bytes());
    let kind = kind_of(|sign| columns.iter().any(|column| is(column, sign)));
    let places = places(kind, maps);
    let column_of = |column: &&[u8]| places.iter().position(|(_, path)| is(column, path));
    let wanted: Vec<Option<usize>> = columns.iter().map(column_of).collect();
    wanted.iter().any(Option::is_some).then(|| Layout {
        name: format!("{}, CSV", kind.name),
        provider: kind.provider,
        slots: places.iter().map(|(slot, _)| *slot).collect(),
        syntax: Syntax::Csv {
            delimiter,
            columns: wanted,
        },
    })
}

fn kind_of(has: impl Fn(&str) -> bool) -> &'static Kind {
    let found = KINDS
        .iter()
        .find(|kind| kind.signs.iter().all(|sign| has(sign)));
    found.unwrap_or(&ANY)
}

/// Where what is: the operator's word for a slot replaces all others.
fn places<'a>(kind: &'a Kind, maps: &'a [Mapping]) -> Vec<(Slot, &'a str)> {
    let own = maps.iter().map(|map| (map.slot, map.path.as_str()));
    let said = |slot: Slot| maps.iter().any(|map| map.slot == slot);
    let usual = kind.places.iter().copied().filter(|(slot, _)| !said(*slot));
    own.chain(usual).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv(header: &str) -> Option<String> {
        let columns: Vec<&[u8]> = header.split(',').map(str::as_bytes).collect();
        of_csv(&columns, b',', &[]).map(|layout| layout.name)
    }

    #[test]
    fn a_kind_is_told_by_its_names() {
        for (header, kind) in [
            (
                "BilledCost,ChargePeriodStart,x_CostMicro,x_Settlement",
                Some("Ark's ledger (FOCUS), CSV"),
            ),
            (
                "BilledCost,ChargePeriodStart,ProviderName",
                Some("FOCUS, CSV"),
            ),
            (
                "request_id,call_type,spend,startTime,model",
                Some("LiteLLM spend log, CSV"),
            ),
            (
                "start_time,amount_value,amount_currency,line_item",
                Some("OpenAI costs, CSV"),
            ),
            (
                "start_time,num_model_requests,model,input_tokens",
                Some("OpenAI usage, CSV"),
            ),
            (
                "date,meterCategory,meterName,costInBillingCurrency",
                Some("Azure cost details, CSV"),
            ),
            (
                "Date,MeterCategory,MeterName,Quantity,EffectivePrice,Cost,BillingCurrency",
                Some("Azure cost details, CSV"),
            ),
            (
                "TIMESTAMP,ContextTokens,GeneratedTokens",
                Some("Azure LLM inference trace, CSV"),
            ),
            ("when,model,cost", Some("generic, CSV")),
            ("a,b,c", None),
        ] {
            assert_eq!(csv(header).as_deref(), kind, "{header}");
        }
        let members = ["spend", "startTime", "call_type"].map(str::to_owned);
        assert_eq!(of_json(&members, &[]).name, "LiteLLM spend log, JSONL");
    }

    #[test]
    fn a_mapping_is_a_name_and_a_path() {
        let mapping = Mapping::parse("model=.request.model").unwrap();
        assert_eq!(
            (mapping.slot, mapping.path.as_str()),
            (Slot::Model, "request.model")
        );
        for (text, part) in [
            ("model", "is NAME=.path"),
            ("modle=.a", "modle is none of time, provider"),
            ("model=.", "needs a path"),
            ("model=a..b", "needs a path"),
        ] {
            assert!(Mapping::parse(text).unwrap_err().contains(part), "{text}");
        }
    }
}
