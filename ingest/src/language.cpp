#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <string_view>
#include <vector>

#include <ingest/facts.hpp>

namespace sg::ingest {
namespace {

struct Pair {
    std::string_view three;
    std::string_view two;
};
/// ISO 639-2, bibliographic and terminological codes alike, to ISO 639-1. Sorted.
// clang-format off
constexpr std::array kShorter{
    Pair{"aar", "aa"}, Pair{"abk", "ab"}, Pair{"afr", "af"}, Pair{"aka", "ak"}, Pair{"alb", "sq"},
    Pair{"amh", "am"}, Pair{"ara", "ar"}, Pair{"arg", "an"}, Pair{"arm", "hy"}, Pair{"asm", "as"},
    Pair{"ava", "av"}, Pair{"ave", "ae"}, Pair{"aym", "ay"}, Pair{"aze", "az"}, Pair{"bak", "ba"},
    Pair{"bam", "bm"}, Pair{"baq", "eu"}, Pair{"bel", "be"}, Pair{"ben", "bn"}, Pair{"bih", "bh"},
    Pair{"bis", "bi"}, Pair{"bod", "bo"}, Pair{"bos", "bs"}, Pair{"bre", "br"}, Pair{"bul", "bg"},
    Pair{"bur", "my"}, Pair{"cat", "ca"}, Pair{"ces", "cs"}, Pair{"cha", "ch"}, Pair{"che", "ce"},
    Pair{"chi", "zh"}, Pair{"chu", "cu"}, Pair{"chv", "cv"}, Pair{"cor", "kw"}, Pair{"cos", "co"},
    Pair{"cre", "cr"}, Pair{"cym", "cy"}, Pair{"cze", "cs"}, Pair{"dan", "da"}, Pair{"deu", "de"},
    Pair{"div", "dv"}, Pair{"dut", "nl"}, Pair{"dzo", "dz"}, Pair{"ell", "el"}, Pair{"eng", "en"},
    Pair{"epo", "eo"}, Pair{"est", "et"}, Pair{"eus", "eu"}, Pair{"ewe", "ee"}, Pair{"fao", "fo"},
    Pair{"fas", "fa"}, Pair{"fij", "fj"}, Pair{"fin", "fi"}, Pair{"fra", "fr"}, Pair{"fre", "fr"},
    Pair{"fry", "fy"}, Pair{"ful", "ff"}, Pair{"geo", "ka"}, Pair{"ger", "de"}, Pair{"gla", "gd"},
    Pair{"gle", "ga"}, Pair{"glg", "gl"}, Pair{"glv", "gv"}, Pair{"gre", "el"}, Pair{"grn", "gn"},
    Pair{"guj", "gu"}, Pair{"hat", "ht"}, Pair{"hau", "ha"}, Pair{"heb", "he"}, Pair{"her", "hz"},
    Pair{"hin", "hi"}, Pair{"hmo", "ho"}, Pair{"hrv", "hr"}, Pair{"hun", "hu"}, Pair{"hye", "hy"},
    Pair{"ibo", "ig"}, Pair{"ice", "is"}, Pair{"ido", "io"}, Pair{"iii", "ii"}, Pair{"iku", "iu"},
    Pair{"ile", "ie"}, Pair{"ina", "ia"}, Pair{"ind", "id"}, Pair{"ipk", "ik"}, Pair{"isl", "is"},
    Pair{"ita", "it"}, Pair{"jav", "jv"}, Pair{"jpn", "ja"}, Pair{"kal", "kl"}, Pair{"kan", "kn"},
    Pair{"kas", "ks"}, Pair{"kat", "ka"}, Pair{"kau", "kr"}, Pair{"kaz", "kk"}, Pair{"khm", "km"},
    Pair{"kik", "ki"}, Pair{"kin", "rw"}, Pair{"kir", "ky"}, Pair{"kom", "kv"}, Pair{"kon", "kg"},
    Pair{"kor", "ko"}, Pair{"kua", "kj"}, Pair{"kur", "ku"}, Pair{"lao", "lo"}, Pair{"lat", "la"},
    Pair{"lav", "lv"}, Pair{"lim", "li"}, Pair{"lin", "ln"}, Pair{"lit", "lt"}, Pair{"ltz", "lb"},
    Pair{"lub", "lu"}, Pair{"lug", "lg"}, Pair{"mac", "mk"}, Pair{"mah", "mh"}, Pair{"mal", "ml"},
    Pair{"mao", "mi"}, Pair{"mar", "mr"}, Pair{"may", "ms"}, Pair{"mkd", "mk"}, Pair{"mlg", "mg"},
    Pair{"mlt", "mt"}, Pair{"mol", "ro"}, Pair{"mon", "mn"}, Pair{"mri", "mi"}, Pair{"msa", "ms"},
    Pair{"mya", "my"}, Pair{"nau", "na"}, Pair{"nav", "nv"}, Pair{"nbl", "nr"}, Pair{"nde", "nd"},
    Pair{"ndo", "ng"}, Pair{"nep", "ne"}, Pair{"nld", "nl"}, Pair{"nno", "nn"}, Pair{"nob", "nb"},
    Pair{"nor", "no"}, Pair{"nya", "ny"}, Pair{"oci", "oc"}, Pair{"oji", "oj"}, Pair{"ori", "or"},
    Pair{"orm", "om"}, Pair{"oss", "os"}, Pair{"pan", "pa"}, Pair{"per", "fa"}, Pair{"pli", "pi"},
    Pair{"pol", "pl"}, Pair{"por", "pt"}, Pair{"pus", "ps"}, Pair{"que", "qu"}, Pair{"roh", "rm"},
    Pair{"ron", "ro"}, Pair{"rum", "ro"}, Pair{"run", "rn"}, Pair{"rus", "ru"}, Pair{"sag", "sg"},
    Pair{"san", "sa"}, Pair{"scc", "sr"}, Pair{"scr", "hr"}, Pair{"sin", "si"}, Pair{"slk", "sk"},
    Pair{"slo", "sk"}, Pair{"slv", "sl"}, Pair{"sme", "se"}, Pair{"smo", "sm"}, Pair{"sna", "sn"},
    Pair{"snd", "sd"}, Pair{"som", "so"}, Pair{"sot", "st"}, Pair{"spa", "es"}, Pair{"sqi", "sq"},
    Pair{"srd", "sc"}, Pair{"srp", "sr"}, Pair{"ssw", "ss"}, Pair{"sun", "su"}, Pair{"swa", "sw"},
    Pair{"swe", "sv"}, Pair{"tah", "ty"}, Pair{"tam", "ta"}, Pair{"tat", "tt"}, Pair{"tel", "te"},
    Pair{"tgk", "tg"}, Pair{"tgl", "tl"}, Pair{"tha", "th"}, Pair{"tib", "bo"}, Pair{"tir", "ti"},
    Pair{"ton", "to"}, Pair{"tsn", "tn"}, Pair{"tso", "ts"}, Pair{"tuk", "tk"}, Pair{"tur", "tr"},
    Pair{"twi", "tw"}, Pair{"uig", "ug"}, Pair{"ukr", "uk"}, Pair{"urd", "ur"}, Pair{"uzb", "uz"},
    Pair{"ven", "ve"}, Pair{"vie", "vi"}, Pair{"vol", "vo"}, Pair{"wel", "cy"}, Pair{"wln", "wa"},
    Pair{"wol", "wo"}, Pair{"xho", "xh"}, Pair{"yid", "yi"}, Pair{"yor", "yo"}, Pair{"zha", "za"},
    Pair{"zho", "zh"}, Pair{"zul", "zu"}};
// clang-format on

bool letters(std::string_view s) {
    return std::all_of(s.begin(), s.end(), [](unsigned char c) { return std::isalpha(c) != 0; });
}
bool letters_or_digits(std::string_view s) {
    return std::all_of(s.begin(), s.end(), [](unsigned char c) { return std::isalnum(c) != 0; });
}

}  // namespace

std::string language_tag(const std::string& found) {
    std::vector<std::string> parts(1);
    for (const char c : found.substr(0, 35)) {
        if (c == '-' || c == '_') {
            parts.emplace_back();
        } else {
            parts.back() += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        }
    }
    std::string& primary = parts.front();
    if (primary.size() < 2 || primary.size() > 3 || !letters(primary)) return "und";
    // ISO 639-2's special codes: undetermined, uncoded, no words, several.
    if (primary == "und" || primary == "mis" || primary == "zxx" || primary == "mul") return "und";
    const auto shorter = std::lower_bound(
        kShorter.begin(), kShorter.end(), primary, [](const Pair& p, const std::string& k) {
            return p.three < k;
        });
    if (shorter != kShorter.end() && shorter->three == primary) primary = shorter->two;

    std::string tag = primary;
    // RFC 5646 section 2.1.1: regions in capitals, scripts with one, the rest small.
    for (std::size_t i = 1; i < parts.size(); ++i) {
        std::string part = parts[i];
        if (part.empty() || part.size() > 8 || !letters_or_digits(part)) break;
        if (part.size() == 2 && letters(part)) {
            for (char& c : part) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        } else if (part.size() == 4 && letters(part)) {
            part[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(part[0])));
        }
        tag += "-" + part;
    }
    return tag;
}

}  // namespace sg::ingest
