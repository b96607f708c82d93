//! Pictures of figures: bars and lines that read well on white and on black, with their names beside them.

/// What stands above, behind and under a picture.
pub struct Caption {
    pub title: String,
    /// For those who don't see it.
    pub description: String,
    /// Where the figures come from.
    pub source: String,
}

/// How values are spread over an axis.
#[derive(Clone, Copy)]
pub enum Scale {
    Linear,
    Logarithmic,
}

/// From the first tick to the last one.
pub struct Axis {
    label: &'static str,
    scale: Scale,
    ticks: Vec<(f64, String)>,
}

impl Axis {
    /// With ticks at these values, in ascending order.
    pub fn at(label: &'static str, scale: Scale, ticks: impl IntoIterator<Item = (f64, String)>) -> Self {
        Self { label, scale, ticks: ticks.into_iter().collect() }
    }

    /// Logarithmic, with ticks at powers of ten around all these values.
    pub fn powers(label: &'static str, values: impl Iterator<Item = f64> + Clone, name: Name) -> Self {
        let low = values.clone().fold(f64::INFINITY, f64::min).log10().floor() as i32;
        let high = values.fold(0.0, f64::max).log10().ceil() as i32;
        let ticks = (low..=high).map(|power| 10_f64.powi(power)).map(|tick| (tick, name(tick)));
        Self::at(label, Scale::Logarithmic, ticks)
    }

    /// Linear from zero on, with four to ten ticks up to this value or a little more.
    pub fn from_zero(label: &'static str, highest: f64, name: Name) -> Self {
        let power = 10_f64.powf(highest.log10().floor());
        let steps = [0.1, 0.2, 0.5].map(|part| part * power);
        let step = steps.into_iter().find(|step| highest / step <= 10.0).unwrap_or(power);
        let ticks = (0..=(highest / step).ceil() as u32).map(|index| f64::from(index) * step);
        Self::at(label, Scale::Linear, ticks.map(|tick| (tick, name(tick))))
    }

    /// Where a value is, from 0 at the first tick to 1 at the last one.
    fn place(&self, value: f64) -> f64 {
        let on_scale = |value: f64| match self.scale {
            Scale::Linear => value,
            Scale::Logarithmic => value.log10(),
        };
        let [low, high] =
            [self.ticks.first(), self.ticks.last()].map(|tick| on_scale(tick.map_or(1.0, |tick| tick.0)));
        (on_scale(value) - low) / (high - low)
    }
}

/// How a value is written.
pub type Name = fn(f64) -> String;

/// Values of several kinds for each of several things, on a logarithmic axis.
pub struct Bars {
    pub axis: Axis,
    /// What the values of a row are, written at those of the first one.
    pub kinds: Vec<&'static str>,
    pub rows: Vec<(String, Vec<f64>)>,
    /// A line through all rows, and what it is.
    pub mark: (f64, String),
    pub name: Name,
}

/// Values that follow from others.
pub struct Lines {
    pub x: Axis,
    pub y: Axis,
    pub lines: Vec<Line>,
}

/// One of them.
pub struct Line {
    /// Written at its end.
    pub name: String,
    pub points: Vec<(f64, f64)>,
    pub is_dashed: bool,
}

const WIDTH: f64 = 760.0;
/// Between title and plot.
const TOP: f64 = 66.0;
/// Between plot and bottom, where ticks, label and source are.
const BOTTOM: f64 = 70.0;

/// The colours are told apart with each kind of colour blindness, and read on the other background too: not every
/// page tells its pictures which one it has.
const STYLE: &str = "
text { font: 13px system-ui, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #57606a; }
.title { font-size: 16px; font-weight: 600; }
.source { font-size: 11px; }
.grid { stroke: #8b949e; stroke-opacity: 0.35; }
.mark { stroke: #8b949e; stroke-width: 2.5; }
.line { fill: none; stroke: currentColor; stroke-width: 2.5; stroke-linejoin: round; }
.dashed { stroke-dasharray: 6 5; }
.colour { fill: currentColor; }
.colour-0 { color: #0969ac; } .colour-1 { color: #b85200; } .colour-2 { color: #00805c; } .colour-3 { color: #a2447c; }
@media (prefers-color-scheme: dark) {
text { fill: #a3acb6; }
.colour-0 { color: #56b4e9; } .colour-1 { color: #e69f00; } .colour-2 { color: #2bc49a; } .colour-3 { color: #dd8fb9; }
}";

impl Bars {
    const LEFT: f64 = 262.0;
    const RIGHT: f64 = 100.0;
    const BAR: f64 = 14.0;
    const GAP: f64 = 14.0;
    /// Characters of a name in a line.
    const NAME: usize = 28;

    pub fn draw(&self, caption: &Caption) -> String {
        let row_height = Self::BAR * self.kinds.len() as f64 + Self::GAP;
        let bottom = TOP + row_height * self.rows.len() as f64;
        let x = |value| Self::LEFT + self.axis.place(value) * (WIDTH - Self::LEFT - Self::RIGHT);
        let mut body = String::new();
        for (value, name) in &self.axis.ticks {
            body += &vertical("grid", x(*value), TOP, bottom);
            body += &text("", "middle", x(*value), bottom + 18.0, name);
        }
        for (row, (name, values)) in self.rows.iter().enumerate() {
            let top = TOP + row_height * row as f64 + Self::GAP / 2.0;
            let middle = top + (row_height - Self::GAP) / 2.0;
            let names = in_lines(name, Self::NAME);
            for (line, name) in names.iter().enumerate() {
                let down = 16.0 * (line as f64 - (names.len() - 1) as f64 / 2.0);
                body += &text("", "end", Self::LEFT - 10.0, middle + 4.5 + down, name);
            }
            for (kind, value) in values.iter().enumerate() {
                let y = top + Self::BAR * kind as f64;
                let said = (self.name)(*value);
                let said = if row == 0 { format!("{said}, {}", self.kinds[kind]) } else { said };
                body += &format!(
                    "<g class=\"colour-{kind}\"><rect class=\"colour\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>\n{}</g>\n",
                    Self::LEFT,
                    y + 1.0,
                    x(*value) - Self::LEFT,
                    Self::BAR - 2.0,
                    text("colour", "start", x(*value) + 5.0, y + 11.5, &said),
                );
            }
        }
        let (mark, name) = &self.mark;
        for row in 0..=self.rows.len() {
            // between the rows alone: what the bars say stands beside them
            let between = TOP + row_height * row as f64;
            body += &vertical("mark", x(*mark), between - Self::GAP / 2.0, between + Self::GAP / 2.0);
        }
        body += &text("", "middle", x(*mark), TOP - 13.0, name);
        picture(caption, self.axis.label, (Self::LEFT, WIDTH - Self::RIGHT), bottom, &body)
    }
}

impl Lines {
    const LEFT: f64 = 84.0;
    const RIGHT: f64 = 210.0;
    const HEIGHT: f64 = 300.0;
    /// Between the names of two lines that end side by side.
    const APART: f64 = 17.0;

    pub fn draw(&self, caption: &Caption) -> String {
        let (right, bottom) = (WIDTH - Self::RIGHT, TOP + Self::HEIGHT);
        let x = |value| Self::LEFT + self.x.place(value) * (right - Self::LEFT);
        let y = |value| bottom - self.y.place(value) * Self::HEIGHT;
        let mut body = text("", "start", 0.0, TOP - 16.0, self.y.label);
        for (value, name) in &self.y.ticks {
            body += &format!(
                "<line class=\"grid\" x1=\"{:.1}\" x2=\"{right:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>\n",
                Self::LEFT,
                y(*value),
                y(*value)
            );
            body += &text("", "end", Self::LEFT - 8.0, y(*value) + 4.5, name);
        }
        for (value, name) in &self.x.ticks {
            body += &vertical("grid", x(*value), TOP, bottom);
            body += &text("", "middle", x(*value), bottom + 18.0, name);
        }
        let ends: Vec<f64> =
            self.lines.iter().map(|line| line.points.last().map_or(bottom, |end| y(end.1))).collect();
        for (index, (line, label)) in self.lines.iter().zip(apart(&ends, Self::APART)).enumerate() {
            let points: Vec<String> =
                line.points.iter().map(|(at, value)| format!("{:.1},{:.1}", x(*at), y(*value))).collect();
            let dashed = if line.is_dashed { " dashed" } else { "" };
            body += &format!(
                "<g class=\"colour-{index}\"><polyline class=\"line{dashed}\" points=\"{}\"/>\n",
                points.join(" ")
            );
            for (at, value) in &line.points {
                body += &format!(
                    "<circle class=\"colour\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.5\"/>\n",
                    x(*at),
                    y(*value)
                );
            }
            body += &text("colour", "start", right + 10.0, label + 4.5, &line.name);
            body += "</g>\n";
        }
        picture(caption, self.x.label, (Self::LEFT, right), bottom, &body)
    }
}

/// The words of a text, in lines of no more characters than this.
fn in_lines(text: &str, most: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("one at least");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= most {
            *line += &format!(" {word}");
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// The same heights in the same order, but none nearer to the next than this.
fn apart(heights: &[f64], distance: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..heights.len()).collect();
    order.sort_by(|one, two| heights[*one].total_cmp(&heights[*two]));
    let mut moved = heights.to_vec();
    for pair in order.windows(2) {
        moved[pair[1]] = moved[pair[1]].max(moved[pair[0]] + distance);
    }
    moved
}

/// The whole file, around a plot that ends at `bottom`; the label stands under the middle of `sides`.
fn picture(caption: &Caption, label: &str, sides: (f64, f64), bottom: f64, body: &str) -> String {
    let height = bottom + BOTTOM;
    let [title, description] = [&caption.title, &caption.description].map(|text| escaped(text));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\" aria-labelledby=\"title description\">\n\
         <title id=\"title\">{title}</title>\n<desc id=\"description\">{description}</desc>\n<style>{STYLE}\n</style>\n\
         {}{body}{}{}</svg>\n",
        text("title", "start", 0.0, 20.0, &caption.title),
        text("", "middle", (sides.0 + sides.1) / 2.0, bottom + 38.0, label),
        text("source", "start", 0.0, bottom + 62.0, &caption.source),
    )
}

fn vertical(class: &str, x: f64, top: f64, bottom: f64) -> String {
    format!("<line class=\"{class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top:.1}\" y2=\"{bottom:.1}\"/>\n")
}

fn text(class: &str, anchor: &str, x: f64, y: f64, text: &str) -> String {
    format!(
        "<text class=\"{class}\" text-anchor=\"{anchor}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>\n",
        escaped(text)
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(axis: &Axis) -> Vec<f64> {
        axis.ticks.iter().map(|tick| tick.0).collect()
    }

    #[test]
    fn ticks_surround_all_values() {
        let name = |value: f64| value.to_string();
        assert_eq!(ticks(&Axis::powers("", [38.0, 6e3].into_iter(), name)), [10.0, 100.0, 1e3, 1e4]);
        assert_eq!(ticks(&Axis::powers("", [10.0, 100.0].into_iter(), name)), [10.0, 100.0]);
        assert_eq!(ticks(&Axis::from_zero("", 23.0, name)), [0.0, 5.0, 10.0, 15.0, 20.0, 25.0]);
        assert_eq!(ticks(&Axis::from_zero("", 10.0, name)).len(), 11);
        assert_eq!(ticks(&Axis::from_zero("", 9e7, name)).len(), 10);
    }

    #[test]
    fn values_are_placed_by_the_scale() {
        let ticks = || [1.0, 100.0].map(|tick| (tick, String::new()));
        let logarithmic = Axis::at("", Scale::Logarithmic, ticks());
        assert_eq!([1.0, 10.0, 100.0].map(|value| logarithmic.place(value)), [0.0, 0.5, 1.0]);
        let linear = Axis::at("", Scale::Linear, ticks());
        assert_eq!([1.0, 50.5, 100.0].map(|value| linear.place(value)), [0.0, 0.5, 1.0]);
    }

    #[test]
    fn names_are_kept_apart() {
        assert_eq!(apart(&[50.0, 10.0, 12.0], 17.0), [50.0, 10.0, 27.0]);
        assert_eq!(apart(&[10.0, 10.0, 10.0], 5.0), [10.0, 15.0, 20.0]);
    }

    #[test]
    fn long_names_are_broken_at_spaces() {
        assert_eq!(in_lines("ctx-key", 7), ["ctx-key"]);
        assert_eq!(in_lines("as long as it gets", 7), ["as long", "as it", "gets"]);
        assert_eq!(in_lines("unbreakable name", 7), ["unbreakable", "name"]);
    }

    #[test]
    fn markup_in_names_is_text() {
        assert_eq!(escaped("a < b & c > d"), "a &lt; b &amp; c &gt; d");
    }
}
