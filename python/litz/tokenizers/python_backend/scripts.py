"""The script of a character, as Unicode 9 has it: what the pre-tokenizer UnicodeScripts goes by."""

import functools

from litz.tokenizers.python_backend.unicode import character_class

_NAMES = """
    Adlam Ahom AnatolianHieroglyphs Arabic Armenian Avestan Balinese Bamum BassaVah Batak Bengali Bhaiksuki
    Bopomofo Brahmi Braille Buginese Buhid CanadianAboriginal Carian CaucasianAlbanian Chakma Cham Cherokee
    Common Coptic Cuneiform Cypriot Cyrillic Deseret Devanagari Duployan EgyptianHieroglyphs Elbasan Ethiopic
    Georgian Glagolitic Gothic Grantha Greek Gujarati Gurmukhi Han Hangul Hanunoo Hatran Hebrew Hiragana
    ImperialAramaic Inherited InscriptionalPahlavi InscriptionalParthian Javanese Kaithi Kannada Katakana
    KayahLi Kharoshthi Khmer Khojki Khudawadi Lao Latin Lepcha Limbu LinearA LinearB Lisu Lycian Lydian
    Mahajani Malayalam Mandaic Manichaean Marchen MeeteiMayek MendeKikakui MeroiticCursive MeroiticHieroglyphs
    Miao Modi Mongolian Mro Multani Myanmar Nabataean NewTaiLue Newa Nko Ogham OlChiki OldHungarian OldItalic
    OldNorthArabian OldPermic OldPersian OldSouthArabian OldTurkic Oriya Osage Osmanya PahawhHmong Palmyrene
    PauCinHau PhagsPa Phoenician PsalterPahlavi Rejang Runic Samaritan Saurashtra Sharada Shavian Siddham
    SignWriting Sinhala SoraSompeng Sundanese SylotiNagri Syriac Tagalog Tagbanwa TaiLe TaiTham TaiViet Takri
    Tamil Tangut Telugu Thaana Thai Tibetan Tifinagh Tirhuta Ugaritic Vai WarangCiti Yi
""".split()
# Characters whose script has changed since.
_THEN = {"\u061c": "Common", "\u0589": "Common", "\u0953": "Devanagari", "\u0954": "Devanagari"}


@functools.lru_cache(maxsize=1 << 16)
def script(char: str) -> str:
    """The name of the script; "Any" for characters that Unicode 9 lacks."""
    if char in _THEN:
        return _THEN[char]
    known = (name for name in _NAMES if char in character_class(rf"[\p{{sc={name}}}&&\p{{Age=9.0}}]"))
    return next(known, "Any")
