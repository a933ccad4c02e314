//! A report as one page that needs nothing else: its plots are drawn here.

use std::fmt::Write as _;

use serde_json::Value;

use super::report::LoadReport;

/// Of a plot's field, without its margins.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 220.0;
const MARGIN: f64 = 56.0;
/// Lines of a plot that have a colour of their own.
const COLOURS: [&str; 4] = ["#1b6ca8", "#c8553d", "#3a7d44", "#7a4988"];

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;\
color:#1a1a1a;background:#fff}table{border-collapse:collapse;margin:1rem 0}td,th{border-bottom:1px solid #ddd;\
padding:.25rem .75rem;text-align:right}td:first-child,th:first-child{text-align:left}.missed{color:#a11;\
font-weight:600}.good{color:#161}svg{max-width:100%;height:auto}text{font:12px system-ui,sans-serif;fill:#333}\
pre{background:#f6f6f6;padding:1rem;overflow:auto;font-size:12px}";

/// A line of a plot: points from left to right.
struct Curve {
    name: String,
    points: Vec<(f64, f64)>,
}

impl LoadReport {
    /// One HTML page.
    pub fn to_html(&self) -> String {
        let mut page = String::from("<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">");
        let what = escaped(self.what);
        let _ = write!(
            page,
            "<meta name=\"viewport\" content=\"width=device-width\"><title>Askel: {what}</title>\
             <style>{STYLE}</style>\n<h1>{what}</h1>\n<p>"
        );
        for (name, value) in &self.setting {
            let _ = write!(page, "{} {} · ", escaped(name), escaped(&value.to_string()));
        }
        page.push_str("</p>\n");
        self.write_figures(&mut page);
        self.write_plots(&mut page);
        let json = serde_json::to_string_pretty(&self.to_json()).unwrap_or_default();
        let _ = write!(
            page,
            "<details><summary>All numbers</summary><pre>{}</pre></details>\n</html>\n",
            escaped(&json)
        );
        page
    }

    fn write_figures(&self, page: &mut String) {
        if !self.figures.is_empty() {
            page.push_str("<table><tr><th>figure<th>value<th>ratio<th>must<th>aim<th>verdict</tr>");
            for figure in &self.figures {
                let [key, value, ratio, must, aim, verdict] = crate::report::row(figure);
                let _ = write!(
                    page,
                    "<tr><td>{}<td>{value}<td>{ratio}<td>{must}<td>{aim}<td class=\"{verdict}\">{verdict}</tr>",
                    escaped(&key)
                );
            }
            page.push_str("</table>\n");
        }
        let beside = self.figures.iter().flat_map(|figure| &figure.beside);
        page.push_str("<table>");
        for (name, value) in beside.chain(&self.found) {
            let (name, value) = (escaped(name), escaped(&value.to_string()));
            let _ = write!(page, "<tr><td>{name}<td>{value}</tr>");
        }
        page.push_str("</table>\n");
    }

    fn write_plots(&self, page: &mut String) {
        let of = |name: &str, x: usize, y: usize| -> Vec<Curve> {
            let rounds = (1..).zip(&self.rounds);
            let curves = rounds.filter_map(|(number, round)| {
                let points = round.get("askel")?.get(name)?.as_array()?;
                let number_at = |point: &Value, index: usize| point.get(index)?.as_f64();
                let points = points
                    .iter()
                    .filter_map(|point| Some((number_at(point, x)?, number_at(point, y)?)));
                Some(Curve {
                    name: format!("round {number}"),
                    points: points.collect(),
                })
            });
            curves.filter(|curve| curve.points.len() > 1).collect()
        };
        let plots = [
            ("Latency, ms, by nines of calls", of("nines", 0, 1)),
            ("Calls answered in each second", of("timeline", 0, 1)),
            ("Longest call of each second, ms", of("timeline", 0, 2)),
        ];
        for (title, curves) in plots {
            if !curves.is_empty() {
                plot(page, title, &curves);
            }
        }
    }
}

fn plot(page: &mut String, title: &str, curves: &[Curve]) {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let right = points().map(|point| point.0).fold(1e-9, f64::max);
    let top = points().map(|point| point.1).fold(1e-9, f64::max);
    let (width, height) = (WIDTH + 2.0 * MARGIN, HEIGHT + 2.0 * MARGIN);
    let _ = write!(
        page,
        "<h2>{}</h2>\n<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">",
        escaped(title),
        escaped(title)
    );
    for quarter in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let (x, y) = (MARGIN + WIDTH * quarter, MARGIN + HEIGHT * (1.0 - quarter));
        let _ = write!(
            page,
            "<path d=\"M{MARGIN} {y:.1}h{WIDTH}\" stroke=\"#ddd\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{:.1}</text>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{:.1}</text>",
            MARGIN - 6.0,
            y + 4.0,
            top * quarter,
            MARGIN + HEIGHT + 18.0,
            right * quarter
        );
    }
    for (curve, colour) in curves.iter().zip(COLOURS.iter().cycle()) {
        let mut path = String::new();
        for (x, y) in &curve.points {
            let step = if path.is_empty() { 'M' } else { 'L' };
            let (x, y) = (
                MARGIN + WIDTH * x / right,
                MARGIN + HEIGHT * (1.0 - y / top),
            );
            let _ = write!(path, "{step}{x:.1} {y:.1}");
        }
        let _ = write!(
            page,
            "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"><title>{}</title></path>",
            escaped(&curve.name)
        );
    }
    page.push_str("</svg>\n");
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    #[test]
    fn a_page_has_its_plots_and_fetches_nothing() {
        let round = json!({ "askel": {
            "nines": [[0.0, 1.0], [1.0, 3.0], [2.0, 9.0]],
            "timeline": [[0, 100, 4.0], [1, 120, 9.0]],
        }});
        let report = LoadReport {
            what: "checkin",
            setting: Map::from_iter([("store".to_owned(), "<sqlite>".into())]),
            figures: Vec::new(),
            found: Map::new(),
            rounds: vec![round],
        };
        let page = report.to_html();
        assert_eq!(page.matches("<svg").count(), 3);
        assert!(page.contains("&lt;sqlite&gt;"), "{page}");
        for outside in ["http", "src=", "<script", "url(", "@import"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}
