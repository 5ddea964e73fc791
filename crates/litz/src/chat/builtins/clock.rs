//! The local time that `strftime_now` formats.

use crate::chat::failure::{fail, Outcome};

/// A local date and time, given by the caller so that rendering itself is a function of its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Such as 2026.
    pub year: i32,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
    /// 0 to 23.
    pub hour: u32,
    /// 0 to 59.
    pub minute: u32,
    /// 0 to 59.
    pub second: u32,
    /// 0 to 999,999.
    pub microsecond: u32,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

impl Clock {
    /// Days since 1970-01-01, by the civil calendar.
    fn days(&self) -> i64 {
        let year = i64::from(self.year) - i64::from(self.month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let month = (i64::from(self.month) + 9) % 12;
        let day_of_year = (153 * month + 2) / 5 + i64::from(self.day) - 1;
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
    }

    /// 0 is Sunday.
    fn weekday(&self) -> usize {
        (self.days() + 4).rem_euclid(7) as usize
    }

    /// 1 is the first of January.
    fn day_of_year(&self) -> i64 {
        self.days() - Self { month: 1, day: 1, ..*self }.days() + 1
    }

    pub(in crate::chat) fn format(&self, format: &str) -> Outcome<String> {
        let mut out = String::new();
        let mut chars = format.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            match chars.next() {
                None => out.push('%'),
                Some('-') => match chars.next() {
                    Some(code) => {
                        let text = self.field(code)?;
                        let short = text.trim_start_matches(['0', ' ']);
                        out.push_str(if short.is_empty() { "0" } else { short });
                    }
                    None => out.push_str("%-"),
                },
                Some(code) => out.push_str(&self.field(code)?),
            }
        }
        Ok(out)
    }

    fn field(&self, code: char) -> Outcome<String> {
        let month = MONTHS[(self.month.clamp(1, 12) - 1) as usize];
        let day = DAYS[self.weekday()];
        let half = match self.hour % 12 {
            0 => 12,
            hour => hour,
        };
        let weekday = self.weekday() as i64;
        Ok(match code {
            'Y' => self.year.to_string(),
            'y' => format!("{:02}", self.year.rem_euclid(100)),
            'C' => format!("{:02}", self.year / 100),
            'm' => format!("{:02}", self.month),
            'B' => month.into(),
            'b' | 'h' => month[..3].into(),
            'd' => format!("{:02}", self.day),
            'e' => format!("{:2}", self.day),
            'A' => day.into(),
            'a' => day[..3].into(),
            'H' => format!("{:02}", self.hour),
            'k' => format!("{:2}", self.hour),
            'I' => format!("{half:02}"),
            'l' => format!("{half:2}"),
            'M' => format!("{:02}", self.minute),
            'S' => format!("{:02}", self.second),
            'f' => format!("{:06}", self.microsecond),
            'p' => if self.hour < 12 { "AM" } else { "PM" }.into(),
            'P' => if self.hour < 12 { "am" } else { "pm" }.into(),
            'j' => format!("{:03}", self.day_of_year()),
            'w' => weekday.to_string(),
            'u' => if weekday == 0 { 7 } else { weekday }.to_string(),
            'U' => format!("{:02}", (self.day_of_year() + 6 - weekday) / 7),
            'W' => format!("{:02}", (self.day_of_year() + 6 - (weekday + 6) % 7) / 7),
            'D' | 'x' => self.format("%m/%d/%y")?,
            'F' => self.format("%Y-%m-%d")?,
            'T' | 'X' => self.format("%H:%M:%S")?,
            'R' => self.format("%H:%M")?,
            'r' => self.format("%I:%M:%S %p")?,
            'c' => self.format("%a %b %e %H:%M:%S %Y")?,
            'n' => "\n".into(),
            't' => "\t".into(),
            // datetime.now() has no time zone: Python prints nothing for these.
            'z' | 'Z' => String::new(),
            '%' => "%".into(),
            other => return fail(format!("strftime_now does not support '%{other}'")),
        })
    }
}
