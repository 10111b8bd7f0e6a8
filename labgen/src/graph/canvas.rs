//! Characters on a grid; lines that meet become the character that joins them.

/// A grid of characters, growing as it is drawn upon.
#[derive(Debug, Default)]
pub(super) struct Canvas {
    rows: Vec<Vec<Dot>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Dot {
    text: Option<char>,
    /// Which sides a line goes to.
    arms: u8,
    /// The line from left to right is double.
    double: bool,
}

const UP: u8 = 1;
const DOWN: u8 = 2;
const LEFT: u8 = 4;
const RIGHT: u8 = 8;

impl Canvas {
    fn dot(&mut self, x: i64, y: i64) -> Option<&mut Dot> {
        let (x, y) = (usize::try_from(x).ok()?, usize::try_from(y).ok()?);
        if self.rows.len() <= y {
            self.rows.resize_with(y + 1, Vec::new);
        }
        let row = &mut self.rows[y];
        if row.len() <= x {
            row.resize_with(x + 1, Dot::default);
        }
        Some(&mut row[x])
    }

    /// A line from left to right or from top to bottom.
    pub(super) fn line(&mut self, from: (i64, i64), to: (i64, i64), double: bool) {
        let ((x0, y0), (x1, y1)) = (from.min(to), from.max(to));
        if y0 == y1 {
            for x in x0..=x1 {
                let arms = if x > x0 { LEFT } else { 0 } | if x < x1 { RIGHT } else { 0 };
                self.arm(x, y0, arms, double);
            }
        } else {
            let (y0, y1) = (y0.min(y1), y0.max(y1));
            for y in y0..=y1 {
                let arms = if y > y0 { UP } else { 0 } | if y < y1 { DOWN } else { 0 };
                self.arm(x0, y, arms, false);
            }
        }
    }

    fn arm(&mut self, x: i64, y: i64, arms: u8, double: bool) {
        if let Some(dot) = self.dot(x, y) {
            dot.arms |= arms;
            dot.double |= double;
        }
    }

    /// A frame of single lines.
    pub(super) fn frame(&mut self, (x, y, w, h): (i64, i64, i64, i64)) {
        let (right, bottom) = (x + w - 1, y + h - 1);
        self.line((x, y), (right, y), false);
        self.line((x, bottom), (right, bottom), false);
        self.line((x, y), (x, bottom), false);
        self.line((right, y), (right, bottom), false);
    }

    /// Text over whatever is there.
    pub(super) fn text(&mut self, x: i64, y: i64, text: &str) {
        for (x, c) in (x..).zip(text.chars()) {
            if let Some(dot) = self.dot(x, y) {
                dot.text = Some(c);
            }
        }
    }

    /// Line by line, without spaces at their ends.
    pub(super) fn finish(&self) -> String {
        let mut out = String::new();
        for row in &self.rows {
            let line: String = row.iter().map(Dot::char).collect();
            out += line.trim_end();
            out.push('\n');
        }
        out
    }
}

impl Dot {
    fn char(&self) -> char {
        if let Some(text) = self.text {
            return text;
        }
        let sides = |s: u8| self.arms & s != 0;
        let across = sides(LEFT) || sides(RIGHT);
        if self.double && across {
            return match (sides(UP), sides(DOWN)) {
                (true, true) => '╪',
                (true, false) => '╧',
                (false, true) => '╤',
                (false, false) => '═',
            };
        }
        match self.arms {
            0 => ' ',
            a if a & (UP | DOWN) == a => '│',
            a if a & (LEFT | RIGHT) == a => '─',
            a if a == DOWN | RIGHT => '┌',
            a if a == DOWN | LEFT => '┐',
            a if a == UP | RIGHT => '└',
            a if a == UP | LEFT => '┘',
            a if a == UP | DOWN | RIGHT => '├',
            a if a == UP | DOWN | LEFT => '┤',
            a if a == DOWN | LEFT | RIGHT => '┬',
            a if a == UP | LEFT | RIGHT => '┴',
            _ => '┼',
        }
    }
}
