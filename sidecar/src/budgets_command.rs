//! `ark budgets`: what is limited, and what is left of it.

use ark_sidecar::quota::{Budget, Budgets};

use crate::cli;
use crate::command_client::{block_on, connect};
use crate::ledger_command::{usd, write_columns};

/// Columns of words, which stand on the left.
const WORDS: usize = 5;

/// Asks a running sidecar.
pub(crate) fn run(args: &cli::Budgets) -> Result<(), String> {
    let mut query = Vec::new();
    for filter in &args.filters {
        let (name, value) = filter.split_once('=').unwrap_or((filter, ""));
        query.push(format!(
            "{}={}",
            escaped(name.trim()),
            escaped(value.trim())
        ));
    }
    let path = format!("/v1/budgets?{}", query.join("&"));
    let admin = connect(&args.admin)?;
    let answer = block_on(admin.get(&path))?;
    if args.json {
        print!("{}", String::from_utf8_lossy(&answer));
        return Ok(());
    }
    let budgets: Budgets = serde_json::from_slice(&answer).map_err(|error| error.to_string())?;
    print!("{}", table(&budgets));
    Ok(())
}

/// A word in a URL's query.
fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/:".contains(&byte);
    text.bytes()
        .map(|byte| match plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}

fn table(budgets: &Budgets) -> String {
    if budgets.budgets.is_empty() {
        return "no such budget; --where of=any shows limits of other things than money\n"
            .to_owned();
    }
    let head = [
        "limit",
        "of",
        "whose",
        "window",
        "resets at",
        "amount",
        "spent",
        "reserved",
        "remaining",
        "used",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(budgets.budgets.iter().map(row));
    let mut out = String::new();
    write_columns(&rows, WORDS, &mut out);
    if budgets.truncated {
        out.push_str("there are more; ask for some with --where\n");
    }
    out
}

fn row(budget: &Budget) -> Vec<String> {
    let parts = [&budget.tenant, &budget.key, &budget.model];
    let whose: Vec<&str> = parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .map(String::as_str)
        .collect();
    let whose = match whose.is_empty() {
        true => "all".to_owned(),
        false => whose.join(" "),
    };
    let is_money = budget.unit == "micro_usd";
    let amount = |units: u64| match is_money {
        true => usd(i64::try_from(units).unwrap_or(i64::MAX)),
        false => units.to_string(),
    };
    let of = if is_money { "USD" } else { &budget.unit };
    vec![
        budget.limit.clone(),
        of.to_owned(),
        whose,
        budget.window.clone(),
        budget.resets_at.clone().unwrap_or_else(|| "-".to_owned()),
        amount(budget.amount),
        amount(budget.spent),
        amount(budget.reserved),
        amount(budget.remaining),
        format!("{} %", budget.percent),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_escaped() {
        assert_eq!(escaped("a b&c=ä"), "a%20b%26c%3D%C3%A4");
        assert_eq!(escaped("gpt-4o/x:y"), "gpt-4o/x:y");
    }
}
