//! Throughput against latency as an SVG file that needs nothing else: a curve for each size of value, the
//! median as a line and p99 as a dashed one; latency on a logarithmic axis.

use super::table::number;
use std::fmt::Write;

/// The curve of one size of value.
pub struct Curve {
    pub name: String,
    /// In the order of the rates.
    pub points: Vec<Point>,
}

#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// Mbit/s of values.
    pub mbit_per_s: f64,
    pub values_per_s: f64,
    pub p50_us: f64,
    pub p99_us: f64,
}

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 500.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 200.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 60.0;
/// Told apart by people who do not see red or green, too (Okabe and Ito).
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];

/// Where numbers stand on the page.
struct Axes {
    x_max: f64,
    /// Powers of ten.
    y_min: i32,
    y_max: i32,
}

impl Axes {
    fn of(curves: &[Curve]) -> Axes {
        let points = || curves.iter().flat_map(|curve| &curve.points);
        let x = points().map(|point| point.mbit_per_s).fold(0.0, f64::max).max(1e-6);
        let low = points().map(|point| point.p50_us).fold(f64::INFINITY, f64::min);
        let high = points().map(|point| point.p99_us).fold(0.0, f64::max);
        let power = |us: f64, round: fn(f64) -> f64| {
            if us.is_finite() && us > 0.0 { round(us.log10()) as i32 } else { 0 }
        };
        let y_min = power(low, f64::floor);
        let step = step(x);
        Axes { x_max: (x / step).ceil() * step, y_min, y_max: power(high, f64::ceil).max(y_min + 1) }
    }

    fn x(&self, mbit_per_s: f64) -> f64 {
        LEFT + mbit_per_s / self.x_max * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, us: f64) -> f64 {
        let part = (us.max(1e-3).log10() - f64::from(self.y_min)) / f64::from(self.y_max - self.y_min);
        HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)
    }
}

/// 1, 2 or 5 times a power of ten, so that there are some five to ten of it up to `max`.
fn step(max: f64) -> f64 {
    let power = 10_f64.powf((max / 5.0).log10().floor());
    [5.0, 2.0, 1.0].map(|times| times * power).into_iter().find(|step| max / step >= 4.0).unwrap_or(power)
}

/// The whole file. `about` says in a line what was measured.
pub fn svg(curves: &[Curve], about: &str) -> String {
    let axes = Axes::of(curves);
    let mut page = Page::default();
    page.add(format_args!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"13\" fill=\"#222\">"
    ));
    page.add(format_args!("<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>"));
    page.text((LEFT, 28.0), "start", &format!("Latency against throughput: {about}"));
    grid(&mut page, &axes);
    for (at, curve) in curves.iter().enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        draw(&mut page, &axes, curve, colour);
        let y = TOP + 20.0 + at as f64 * 22.0;
        let x = WIDTH - RIGHT + 20.0;
        page.add(format_args!("<path d=\"M{x} {}h24\" stroke=\"{colour}\" stroke-width=\"2.5\"/>", y - 4.0));
        page.text((x + 32.0, y), "start", &curve.name);
    }
    let y = TOP + 34.0 + curves.len() as f64 * 22.0;
    page.text((WIDTH - RIGHT + 20.0, y), "start", "line: p50");
    page.text((WIDTH - RIGHT + 20.0, y + 18.0), "start", "dashed: p99");
    page.add(format_args!("</svg>"));
    page.0
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn add(&mut self, line: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.0, "{line}"); // into a string, which cannot fail
    }

    fn text(&mut self, (x, y): (f64, f64), anchor: &str, text: &str) {
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        self.add(format_args!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"));
    }
}

fn grid(page: &mut Page, axes: &Axes) {
    let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
    let step = step(axes.x_max);
    for at in 0..=(axes.x_max / step).round() as u32 {
        let value = f64::from(at) * step;
        let x = axes.x(value);
        page.add(format_args!("<path d=\"M{x:.1} {TOP}V{bottom}\" stroke=\"#e4e4e4\"/>"));
        page.text((x, bottom + 20.0), "middle", &number(value));
    }
    for power in axes.y_min..=axes.y_max {
        for digit in 1..10 {
            let us = f64::from(digit) * 10_f64.powi(power);
            let y = axes.y(us);
            if y < TOP - 0.5 {
                break;
            }
            let colour = if digit == 1 { "#c8c8c8" } else { "#f0f0f0" };
            page.add(format_args!("<path d=\"M{LEFT} {y:.1}H{right}\" stroke=\"{colour}\"/>"));
            if digit == 1 {
                page.text((LEFT - 8.0, y + 4.0), "end", &time(us));
            }
        }
    }
    page.add(format_args!("<path d=\"M{LEFT} {TOP}V{bottom}H{right}\" fill=\"none\" stroke=\"#222\"/>"));
    page.text(((LEFT + right) / 2.0, HEIGHT - 16.0), "middle", "values delivered, Mbit/s");
    let (x, y) = (20.0, (TOP + bottom) / 2.0);
    page.add(format_args!(
        "<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\" transform=\"rotate(-90 {x} {y})\">latency, submit to \
         delivery (logarithmic)</text>"
    ));
}

fn time(us: f64) -> String {
    match us {
        us if us >= 1e6 => format!("{} s", number(us / 1e6)),
        us if us >= 1e3 => format!("{} ms", number(us / 1e3)),
        us => format!("{} µs", number(us)),
    }
}

fn draw(page: &mut Page, axes: &Axes, curve: &Curve, colour: &str) {
    let mut line = |dashes: &str, of: fn(&Point) -> f64| {
        let at = |point: &Point| format!("{:.1},{:.1}", axes.x(point.mbit_per_s), axes.y(of(point)));
        let points = curve.points.iter().map(at).collect::<Vec<_>>().join(" ");
        page.add(format_args!(
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{dashes}/>"
        ));
    };
    line("", |point| point.p50_us);
    line(" stroke-dasharray=\"6 4\"", |point| point.p99_us);
    for point in &curve.points {
        let (x, y) = (axes.x(point.mbit_per_s), axes.y(point.p50_us));
        page.add(format_args!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{colour}\"><title>{}: {} values/s, p50 {}, p99 \
             {}</title></circle>",
            curve.name,
            number(point.values_per_s),
            time(point.p50_us),
            time(point.p99_us)
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_not_too_many() {
        for (max, expected) in [(1.0, 0.2), (9.0, 2.0), (40.0, 5.0), (766.0, 100.0), (2100.0, 500.0)] {
            assert!((step(max) / expected - 1.0).abs() < 1e-9, "{max}: {}", step(max));
        }
    }

    #[test]
    fn every_point_is_on_the_page() {
        let point = |part: f64| Point {
            mbit_per_s: 766.0 * part,
            values_per_s: 957_000.0 * part,
            p50_us: 150.0 / (1.01 - part),
            p99_us: 900.0 / (1.01 - part),
        };
        let points: Vec<Point> = [0.1, 0.5, 0.9, 1.0].map(point).into();
        let curves = [Curve { name: "100 B".into(), points }];
        let axes = Axes::of(&curves);
        for point in &curves[0].points {
            let (x, low, high) = (axes.x(point.mbit_per_s), axes.y(point.p50_us), axes.y(point.p99_us));
            assert!((LEFT..=WIDTH - RIGHT).contains(&x), "{x}");
            assert!((TOP..=HEIGHT - BOTTOM).contains(&high) && high < low && low <= HEIGHT - BOTTOM);
        }
        let svg = svg(&curves, "3 acceptors & <volatile>");
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert_eq!(svg.matches("<circle").count(), 4);
        assert!(svg.contains("&amp; &lt;volatile>") && svg.contains("100 ms</text>"));
    }

    #[test]
    fn no_points_are_an_empty_page() {
        assert!(svg(&[], "nothing").contains("</svg>"));
    }
}
