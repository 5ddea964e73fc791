//! Runs of one script, as of Unicode 9.

use std::ops::Range;
use std::sync::LazyLock;

use crate::tokenizer::text::unicode::Classes;

const NAMES: &str = "Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki \
    Bopomofo Brahmi Braille Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee \
    Common Coptic Cuneiform Cypriot Cyrillic Deseret Devanagari Duployan Egyptian_Hieroglyphs Elbasan \
    Ethiopic Georgian Glagolitic Gothic Grantha Greek Gujarati Gurmukhi Han Hangul Hanunoo Hatran Hebrew \
    Hiragana Imperial_Aramaic Inherited Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kannada \
    Katakana Kayah_Li Kharoshthi Khmer Khojki Khudawadi Lao Latin Lepcha Limbu Linear_A Linear_B Lisu Lycian \
    Lydian Mahajani Malayalam Mandaic Manichaean Marchen Meetei_Mayek Mende_Kikakui Meroitic_Cursive \
    Meroitic_Hieroglyphs Miao Modi Mongolian Mro Multani Myanmar Nabataean New_Tai_Lue Newa Nko Ogham \
    Ol_Chiki Old_Hungarian Old_Italic Old_North_Arabian Old_Permic Old_Persian Old_South_Arabian Old_Turkic \
    Oriya Osage Osmanya Pahawh_Hmong Palmyrene Pau_Cin_Hau Phags_Pa Phoenician Psalter_Pahlavi Rejang Runic \
    Samaritan Saurashtra Sharada Shavian Siddham Sign_Writing Sinhala Sora_Sompeng Sundanese Syloti_Nagri \
    Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet Takri Tamil Tangut Telugu Thaana Thai Tibetan Tifinagh \
    Tirhuta Ugaritic Vai Warang_Citi Yi";

/// What joins any script: the space, and what Unicode 9 did not know.
const ANY: u8 = 0;

static SCRIPTS: LazyLock<Classes> = LazyLock::new(|| {
    let pattern = |name| format!(r"[\p{{sc={name}}}&&\p{{Age=9.0}}]");
    Classes::of(NAMES.split(' ').map(pattern).zip(1..))
});

/// The script of a character, by number. Japanese is one script.
fn script(c: char) -> u8 {
    match c {
        ' ' => ANY,
        '\u{30fc}' => SCRIPTS.at('一'),
        // These four have moved since.
        '\u{589}' | '\u{61c}' => SCRIPTS.at('0'),
        '\u{953}' | '\u{954}' => SCRIPTS.at('अ'),
        c => match SCRIPTS.at(c) {
            kana if kana != ANY && (kana == SCRIPTS.at('あ') || kana == SCRIPTS.at('ア')) => {
                SCRIPTS.at('一')
            }
            script => script,
        },
    }
}

/// Reports the runs. What comes before the first character with a script is in none of them.
pub(super) fn runs(text: &str, found: &mut dyn FnMut(Range<usize>)) {
    let mut start = None;
    let mut current = None;
    for (at, c) in text.char_indices() {
        let script = script(c);
        if script == ANY {
            continue;
        }
        if current != Some(script) {
            start.replace(at).into_iter().for_each(|start| found(start..at));
        }
        current = Some(script);
    }
    start.into_iter().for_each(|start| found(start..text.len()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_begin_where_the_script_changes() {
        let text = " どこで生れ。Yes ok, да";
        let mut pieces = Vec::new();
        runs(text, &mut |run| pieces.push(&text[run]));
        assert_eq!(pieces, ["どこで生れ", "。", "Yes ok", ", ", "да"]);
    }
}
