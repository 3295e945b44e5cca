//! JSON as people like to read it: what fits stands on one line, what does not is broken up.

use serde_json::Value;

const WIDTH: usize = 100;
const STEP: usize = 2;

/// `value`, behind what stands on its line already up to `column`, in a block that is indented by `indent`.
pub(super) fn value(out: &mut String, value: &Value, indent: usize, column: usize) {
    let start = out.len();
    one_line(out, value);
    let is_flat = match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => true,
    };
    if is_flat || column + (out.len() - start) < WIDTH {
        return;
    }
    out.truncate(start);
    match value {
        Value::Array(items) => block(out, '[', ']', indent, items, |out, item| {
            self::value(out, item, indent + STEP, indent + STEP);
        }),
        Value::Object(fields) => block(out, '{', '}', indent, fields, |out, (key, value)| {
            field(out, key, value, indent + STEP);
        }),
        _ => {}
    }
}

/// `"key": value`.
pub(super) fn field(out: &mut String, key: &str, value: &Value, indent: usize) {
    let start = out.len();
    string(out, key);
    out.push_str(": ");
    let column = indent + (out.len() - start);
    self::value(out, value, indent, column);
}

fn block<T>(
    out: &mut String,
    open: char,
    close: char,
    indent: usize,
    items: impl IntoIterator<Item = T>,
    mut print: impl FnMut(&mut String, T),
) {
    out.push(open);
    for (n, item) in items.into_iter().enumerate() {
        out.push_str(if n == 0 { "\n" } else { ",\n" });
        out.extend(std::iter::repeat_n(' ', indent + STEP));
        print(out, item);
    }
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', indent));
    out.push(close);
}

fn one_line(out: &mut String, value: &Value) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                out.push_str(if n == 0 { "" } else { ", " });
                one_line(out, item);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            out.push('{');
            for (n, (key, value)) in fields.iter().enumerate() {
                out.push_str(if n == 0 { "" } else { ", " });
                string(out, key);
                out.push_str(": ");
                one_line(out, value);
            }
            out.push('}');
        }
        Value::String(text) => string(out, text),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::Bool(yes) => out.push_str(if *yes { "true" } else { "false" }),
        Value::Null => out.push_str("null"),
    }
}

fn string(out: &mut String, text: &str) {
    out.push_str(&serde_json::to_string(text).expect("text is JSON"));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn printed(it: &Value) -> String {
        let mut out = String::new();
        value(&mut out, it, 0, 0);
        out
    }

    #[test]
    fn what_fits_stands_on_one_line() {
        assert_eq!(
            printed(&json!({"a": [1, 2], "b": {}})),
            r#"{"a": [1, 2], "b": {}}"#
        );
        let long = json!({"first": ["x".repeat(60), "y".repeat(60)], "empty": [], "n": 1.50});
        let (x, y) = ("x".repeat(60), "y".repeat(60));
        assert_eq!(
            printed(&long),
            format!(
                "{{\n  \"first\": [\n    \"{x}\",\n    \"{y}\"\n  ],\n  \"empty\": [],\n  \"n\": 1.5\n}}"
            )
        );
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,60}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((".{0,12}", inner), 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_the_same(it in any_value()) {
            prop_assert_eq!(serde_json::from_str::<Value>(&printed(&it)).unwrap(), it);
        }
    }
}
