//! A function in each language, and what somebody makes of it.

/// Each is one whole function.
pub(super) struct Sample {
    pub(super) language: &'static str,
    pub(super) file: &'static str,
    pub(super) text: &'static str,
    /// What stands behind the first line that ends so, when it is edited.
    pub(super) edit: (&'static str, &'static str),
}

/// Names that a copy has given to all.
const RENAMED: &[(&str, &str)] = &[
    ("summarise", "condense"),
    ("orders", "parcels"),
    ("total", "weight"),
    ("largest", "heaviest"),
    ("order", "parcel"),
];

impl Sample {
    pub(super) fn renamed(&self) -> String {
        RENAMED
            .iter()
            .fold(self.text.to_owned(), |text, (from, to)| {
                text.replace(from, to)
            })
    }

    pub(super) fn edited(&self) -> String {
        let (behind, line) = self.edit;
        let mut text = String::new();
        let mut done = false;
        for one in self.text.lines() {
            text.push_str(one);
            text.push('\n');
            if !done && one.trim_end() == behind {
                text.push_str(line);
                text.push('\n');
                done = true;
            }
        }
        assert!(done, "{}: no line is {behind:?}", self.language);
        text
    }

    pub(super) fn lines(&self) -> usize {
        self.text.lines().count()
    }
}

pub(super) const SAMPLES: &[Sample] = &[
    Sample {
        language: "rust",
        file: "rs",
        text: "\
fn summarise(orders: &[Order], rate: f64) -> (f64, f64) {
    let mut total = 0.0;
    let mut largest = 0.0;
    for order in orders {
        let value = order.price * rate + 1.5;
        total += value;
        if value > largest {
            largest = value;
        }
    }
    (total / orders.len() as f64, largest)
}
",
        edit: (
            "        total += value;",
            "        log::debug!(\"{value}\");",
        ),
    },
    Sample {
        language: "python",
        file: "py",
        text: "\
def summarise(orders, rate):
    total = 0.0
    largest = 0.0
    for order in orders:
        value = order.price * rate + 1.5
        total += value
        if value > largest:
            largest = value
    if not orders:
        raise ValueError(\"there are none\")
    return total / len(orders), largest
",
        edit: ("        total += value", "        logging.debug(value)"),
    },
    Sample {
        language: "go",
        file: "go",
        text: "\
func summarise(orders []Order, rate float64) (float64, float64) {
\ttotal := 0.0
\tlargest := 0.0
\tfor _, order := range orders {
\t\tvalue := order.Price*rate + 1.5
\t\ttotal += value
\t\tif value > largest {
\t\t\tlargest = value
\t\t}
\t}
\treturn total / float64(len(orders)), largest
}
",
        edit: ("\t\ttotal += value", "\t\tlog.Println(value)"),
    },
    Sample {
        language: "typescript",
        file: "ts",
        text: "\
function summarise(orders: Order[], rate: number): [number, number] {
  let total = 0;
  let largest = 0;
  for (const order of orders) {
    const value = order.price * rate + 1.5;
    total += value;
    if (value > largest) {
      largest = value;
    }
  }
  return [total / orders.length, largest];
}
",
        edit: ("    total += value;", "    console.debug(value);"),
    },
    Sample {
        language: "java",
        file: "java",
        text: "\
static double summarise(List<Order> orders, double rate) {
    double total = 0.0;
    double largest = 0.0;
    for (Order order : orders) {
        double value = order.price() * rate + 1.5;
        total += value;
        if (value > largest) {
            largest = value;
        }
    }
    return total / orders.size() + largest;
}
",
        edit: ("        total += value;", "        log.debug(value);"),
    },
    Sample {
        language: "c",
        file: "c",
        text: "\
static double summarise(const struct order *orders, size_t n, double rate)
{
    double total = 0.0;
    double largest = 0.0;
    for (size_t i = 0; i < n; i++) {
        double value = orders[i].price * rate + 1.5;
        total += value;
        if (value > largest) {
            largest = value;
        }
    }
    return total / n + largest;
}
",
        edit: ("        total += value;", "        debug(value);"),
    },
    Sample {
        language: "csharp",
        file: "cs",
        text: "\
static double summarise(List<Order> orders, double rate)
{
    var total = 0.0;
    var largest = 0.0;
    foreach (var order in orders)
    {
        var value = order.Price * rate + 1.5;
        total += value;
        if (value > largest)
        {
            largest = value;
        }
    }
    return total / orders.Count + largest;
}
",
        edit: ("        total += value;", "        Debug.Print(value);"),
    },
    Sample {
        language: "shell",
        file: "sh",
        text: "\
summarise() {
    local total=0 largest=0 value
    for order in \"$@\"; do
        value=$((order * rate + 15))
        total=$((total + value))
        if [ \"$value\" -gt \"$largest\" ]; then
            largest=$value
        fi
    done
    printf '%s %s\\n' \"$((total / $#))\" \"$largest\"
    return 0
}
",
        edit: (
            "        total=$((total + value))",
            "        echo \"$value\" >&2",
        ),
    },
    Sample {
        language: "ruby",
        file: "rb",
        text: "\
def summarise(orders, rate)
  total = 0.0
  largest = 0.0
  orders.each do |order|
    value = order.price * rate + 1.5
    total += value
    if value > largest
      largest = value
    end
  end
  raise ArgumentError, 'none' if orders.empty?
  [total / orders.size, largest]
end
",
        edit: ("    total += value", "    logger.debug(value)"),
    },
    Sample {
        language: "php",
        file: "php",
        text: "\
function summarise(array $orders, float $rate): float {
    $total = 0.0;
    $largest = 0.0;
    foreach ($orders as $order) {
        $value = $order->price * $rate + 1.5;
        $total += $value;
        if ($value > $largest) {
            $largest = $value;
        }
    }
    return $total / count($orders) + $largest;
}
",
        edit: ("        $total += $value;", "        error_log($value);"),
    },
    Sample {
        language: "kotlin",
        file: "kt",
        text: "\
fun summarise(orders: List<Order>, rate: Double): Double {
    var total = 0.0
    var largest = 0.0
    for (order in orders) {
        val value = order.price * rate + 1.5
        total += value
        if (value > largest) {
            largest = value
        }
    }
    return total / orders.size + largest
}
",
        edit: ("        total += value", "        println(value)"),
    },
    Sample {
        language: "swift",
        file: "swift",
        text: "\
func summarise(_ orders: [Order], rate: Double) -> Double {
    var total = 0.0
    var largest = 0.0
    for order in orders {
        let value = order.price * rate + 1.5
        total += value
        if value > largest {
            largest = value
        }
    }
    return total / Double(orders.count) + largest
}
",
        edit: ("        total += value", "        print(value)"),
    },
];
