//! Figures as plain values: a family has a name, what it means, and a sample for each set of labels. Pure.

use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Family {
    pub name: &'static str,
    #[serde(rename = "type")]
    pub kind: Kind,
    pub help: &'static str,
    pub samples: Vec<Sample>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sample {
    #[serde(serialize_with = "as_map")]
    pub labels: Vec<(&'static str, String)>,
    #[serde(flatten)]
    pub value: Value,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Value {
    Value(f64),
    Histogram(Histogram),
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Histogram {
    pub buckets: Vec<Bucket>,
    pub sum: f64,
    pub count: u64,
}

/// So many up to this bound, those below it too.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bucket {
    pub le: f64,
    pub count: u64,
}

fn as_map<S: serde::Serializer>(
    labels: &[(&'static str, String)],
    to: S,
) -> Result<S::Ok, S::Error> {
    to.collect_map(labels.iter().map(|(name, value)| (name, value)))
}

impl Family {
    pub(super) const fn counter(name: &'static str, help: &'static str) -> Self {
        Self::new(name, Kind::Counter, help)
    }

    pub(super) const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self::new(name, Kind::Gauge, help)
    }

    const fn new(name: &'static str, kind: Kind, help: &'static str) -> Self {
        Self {
            name,
            kind,
            help,
            samples: Vec::new(),
        }
    }

    pub(super) fn histogram(name: &'static str, help: &'static str, value: Histogram) -> Self {
        let mut family = Self::new(name, Kind::Histogram, help);
        family.samples.push(Sample {
            labels: Vec::new(),
            value: Value::Histogram(value),
        });
        family
    }

    pub(super) fn add(&mut self, labels: &[(&'static str, &str)], value: f64) {
        let labels = labels
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        self.samples.push(Sample {
            labels: labels.collect(),
            value: Value::Value(value),
        });
    }

    /// The only one of its family.
    pub(super) fn with(mut self, value: f64) -> Self {
        self.add(&[], value);
        self
    }
}

/// A count as the float that Prometheus keeps.
#[expect(
    clippy::cast_precision_loss,
    reason = "beyond 2^53 the last digit of a count does not matter"
)]
pub(super) const fn float(count: u64) -> f64 {
    count as f64
}

/// Seconds since 1970.
#[expect(clippy::cast_precision_loss, reason = "2^53 ms are 285,000 years")]
pub(super) fn seconds(at: crate::time::Timestamp) -> f64 {
    at.unix_ms() as f64 / 1000.0
}
