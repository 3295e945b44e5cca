//! Figures in the text format of Prometheus. The one file that knows its library.

use prometheus::core::{Collector, Desc};
use prometheus::proto::{self, LabelPair, MetricFamily, MetricType};
use prometheus::{Encoder as _, Registry, TextEncoder};

use super::family::{Family, Kind, Sample, Value};

/// The registry sorts, and the encoder escapes what agents and tasks are called.
pub(super) fn text(families: &[Family]) -> String {
    let registry = Registry::new();
    let seen = Seen(families.iter().map(family).collect());
    registry
        .register(Box::new(seen))
        .expect("nothing else is registered");
    let mut text = Vec::new();
    TextEncoder::new()
        .encode(&registry.gather(), &mut text)
        .expect("memory takes all, and no family is empty");
    String::from_utf8(text).expect("made of text")
}

/// Figures of one moment.
struct Seen(Vec<MetricFamily>);

impl Collector for Seen {
    /// Which families there are is known once they are collected.
    fn desc(&self) -> Vec<&Desc> {
        Vec::new()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.0.clone()
    }
}

fn family(family: &Family) -> MetricFamily {
    let mut out = MetricFamily::default();
    out.set_name(family.name.to_owned());
    out.set_help(family.help.to_owned());
    out.set_field_type(match family.kind {
        Kind::Counter => MetricType::COUNTER,
        Kind::Gauge => MetricType::GAUGE,
        Kind::Histogram => MetricType::HISTOGRAM,
    });
    let metrics = family
        .samples
        .iter()
        .map(|sample| metric(family.kind, sample));
    out.set_metric(metrics.collect());
    out
}

fn metric(kind: Kind, sample: &Sample) -> proto::Metric {
    let labels = sample.labels.iter().map(|(name, value)| {
        let mut label = LabelPair::default();
        label.set_name((*name).to_owned());
        label.set_value(value.clone());
        label
    });
    let mut metric = proto::Metric::from_label(labels.collect());
    match &sample.value {
        Value::Value(value) if kind == Kind::Counter => {
            let mut counter = proto::Counter::default();
            counter.set_value(*value);
            metric.set_counter(counter);
        }
        Value::Value(value) => {
            let mut gauge = proto::Gauge::default();
            gauge.set_value(*value);
            metric.set_gauge(gauge);
        }
        Value::Histogram(histogram) => {
            let mut out = proto::Histogram::default();
            let buckets = histogram.buckets.iter().map(|bucket| {
                let mut out = proto::Bucket::default();
                out.set_upper_bound(bucket.le);
                out.set_cumulative_count(bucket.count);
                out
            });
            out.set_bucket(buckets.collect());
            out.set_sample_sum(histogram.sum);
            out.set_sample_count(histogram.count);
            metric.set_histogram(out);
        }
    }
    metric
}

#[cfg(test)]
mod tests {
    use super::super::family::{Bucket, Histogram};
    use super::*;

    #[test]
    fn figures_are_sorted_escaped_and_end_with_a_newline() {
        let mut gauge = Family::gauge("b", "A \\ in\nhelp.");
        gauge.add(&[("agent", "z")], 1.0);
        gauge.add(&[("agent", "a\"\n")], 0.5);
        let histogram = Histogram {
            buckets: vec![Bucket { le: 0.5, count: 1 }],
            sum: 2.5,
            count: 2,
        };
        let families = [gauge, Family::histogram("a", "Spans.", histogram)];
        assert_eq!(
            text(&families),
            "# HELP a Spans.\n# TYPE a histogram\na_bucket{le=\"0.5\"} 1\na_bucket{le=\"+Inf\"} 2\n\
             a_sum 2.5\na_count 2\n# HELP b A \\\\ in\\nhelp.\n# TYPE b gauge\n\
             b{agent=\"a\\\"\\n\"} 0.5\nb{agent=\"z\"} 1\n"
        );
    }
}
