//! Sums by name and by hour, of bounded size.

use super::fact::Fact;
use super::money::Pico;
use super::names::{FastMap, NONE, Names, OTHER};

/// Most combinations of names; further ones are summed as other.
const CELLS_LIMIT: usize = 131_072;
/// Most hours times models.
const HOURS_LIMIT: usize = 262_144;
/// Most currencies other than the US dollar.
const CURRENCIES_LIMIT: usize = 32;
const HOUR_MS: i64 = 3_600_000;

/// Sums of lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Requests.
    pub requests: u64,
    /// Of these, failed ones.
    pub errors: u64,
    /// Prompt tokens.
    pub input: u64,
    /// Completion tokens.
    pub output: u64,
    /// Of the prompt tokens, cached ones.
    pub cached: u64,
    /// Cost where it is known, 10^-12 US dollars.
    pub cost: Pico,
    /// Requests whose cost is not known.
    pub unpriced: u64,
    /// Their prompt tokens.
    pub unpriced_input: u64,
    /// Their completion tokens.
    pub unpriced_output: u64,
}

impl Sums {
    pub(super) fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.input += other.input;
        self.output += other.output;
        self.cached += other.cached;
        self.cost += other.cost;
        self.unpriced += other.unpriced;
        self.unpriced_input += other.unpriced_input;
        self.unpriced_output += other.unpriced_output;
    }

    fn of(fact: &Fact<'_>) -> Self {
        let cost = fact.cost.filter(|_| fact.currency.is_empty());
        // What failed without a token costs nothing, and needs no price.
        let is_free = fact.input == 0 && fact.output == 0;
        let unpriced = cost.is_none() && !is_free;
        let if_unpriced = |count: u64| if unpriced { count } else { 0 };
        Self {
            requests: fact.requests,
            errors: if fact.is_error { fact.requests } else { 0 },
            input: fact.input,
            output: fact.output,
            cached: fact.cached,
            cost: cost.unwrap_or(0),
            unpriced: if_unpriced(fact.requests),
            unpriced_input: if_unpriced(fact.input),
            unpriced_output: if_unpriced(fact.output),
        }
    }
}

/// Provider, model, tenant, key.
pub(super) type Cell = [u32; 4];

/// What one core has read; several are merged at the end.
#[derive(Debug, Default)]
pub struct Tally {
    /// By provider, model, tenant, key.
    pub(super) names: [Names; 4],
    pub(super) cells: FastMap<Cell, Sums>,
    /// By hour since 1970 and model.
    pub(super) hours: FastMap<(i64, u32), Sums>,
    /// The first hour of each key.
    pub(super) keys: FastMap<u32, i64>,
    /// Lines without a time.
    pub(super) timeless: u64,
    /// Requests in other currencies, and their cost.
    pub(super) currencies: FastMap<Box<[u8]>, (u64, Pico)>,
}

impl Tally {
    pub(super) fn take(&mut self, fact: &Fact<'_>) {
        let texts = [fact.provider, fact.model, fact.tenant, fact.key];
        let mut cell: Cell = [NONE; 4];
        for ((number, names), text) in cell.iter_mut().zip(&mut self.names).zip(texts) {
            *number = names.number(text);
        }
        let sums = Sums::of(fact);
        let hour = fact.at.map(|at| at.div_euclid(HOUR_MS));
        self.timeless += u64::from(hour.is_none());
        self.put(cell, hour, &sums);
        if let (false, Some(cost)) = (fact.currency.is_empty(), fact.cost) {
            self.put_currency(fact.currency, (fact.requests, cost));
        }
    }

    fn put_currency(&mut self, currency: &[u8], (requests, cost): (u64, Pico)) {
        let name = currency.get(..8).unwrap_or(currency);
        let is_full = self.currencies.len() >= CURRENCIES_LIMIT;
        if let Some(sum) = self.currencies.get_mut(name) {
            *sum = (sum.0 + requests, sum.1 + cost);
        } else if !is_full {
            self.currencies.insert(name.into(), (requests, cost));
        }
    }

    fn put(&mut self, cell: Cell, hour: Option<i64>, sums: &Sums) {
        self.put_cell(cell, sums);
        let Some(hour) = hour else { return };
        let [_, model, _, key] = cell;
        self.put_hour(hour, model, sums);
        let first = self.keys.entry(key).or_insert(hour);
        *first = hour.min(*first);
    }

    fn put_cell(&mut self, cell: Cell, sums: &Sums) {
        if let Some(known) = self.cells.get_mut(&cell) {
            known.add(sums);
            return;
        }
        let [provider, model, ..] = cell;
        let cell = match self.cells.len() < CELLS_LIMIT {
            true => cell,
            // The tables of providers and models stay right for longer.
            false if self.cells.len() < 2 * CELLS_LIMIT => [provider, model, OTHER, OTHER],
            false => [OTHER; 4],
        };
        self.cells.entry(cell).or_default().add(sums);
    }

    fn put_hour(&mut self, hour: i64, model: u32, sums: &Sums) {
        if let Some(known) = self.hours.get_mut(&(hour, model)) {
            known.add(sums);
            return;
        }
        if self.hours.len() < HOURS_LIMIT {
            self.hours.insert((hour, model), *sums);
        } else if self.hours.len() < 2 * HOURS_LIMIT {
            self.hours.entry((hour, OTHER)).or_default().add(sums);
        } else {
            self.timeless += 1;
        }
    }

    /// Takes in what another core has read.
    pub fn merge(&mut self, other: &Self) {
        let mut number = |kind: usize, number: u32| -> u32 {
            let bytes = other.names.get(kind).and_then(|names| names.bytes(number));
            match (self.names.get_mut(kind), bytes) {
                (Some(names), Some(bytes)) => names.number(bytes),
                (_, _) => number,
            }
        };
        let mut cells: Vec<(Cell, Sums)> = Vec::with_capacity(other.cells.len());
        for ([provider, model, tenant, key], sums) in &other.cells {
            let cell = [
                number(0, *provider),
                number(1, *model),
                number(2, *tenant),
                number(3, *key),
            ];
            cells.push((cell, *sums));
        }
        let mut hours: Vec<(i64, u32, Sums)> = Vec::with_capacity(other.hours.len());
        for ((hour, model), sums) in &other.hours {
            hours.push((*hour, number(1, *model), *sums));
        }
        let mut keys: Vec<(u32, i64)> = Vec::with_capacity(other.keys.len());
        for (key, hour) in &other.keys {
            keys.push((number(3, *key), *hour));
        }
        for (cell, sums) in &cells {
            self.put_cell(*cell, sums);
        }
        for (hour, model, sums) in &hours {
            self.put_hour(*hour, *model, sums);
        }
        for (key, hour) in keys {
            let first = self.keys.entry(key).or_insert(hour);
            *first = hour.min(*first);
        }
        for (currency, sum) in &other.currencies {
            self.put_currency(currency, *sum);
        }
        self.timeless += other.timeless;
    }
}
