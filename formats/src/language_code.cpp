#include "language_code.hpp"

#include <algorithm>

namespace sg::formats {

namespace {

/// ISO 639-1 code and its ISO 639-2/T code, sorted.
constexpr std::string_view kCodes =
    "aaaar" "ababk" "aeave" "afafr" "akaka" "amamh" "anarg" "arara" "asasm" "avava" "ayaym" "azaze"
    "babak" "bebel" "bgbul" "bibis" "bmbam" "bnben" "bobod" "brbre" "bsbos" "cacat" "ceche" "chcha"
    "cocos" "crcre" "csces" "cuchu" "cvchv" "cycym" "dadan" "dedeu" "dvdiv" "dzdzo" "eeewe" "elell"
    "eneng" "eoepo" "esspa" "etest" "eueus" "fafas" "ffful" "fifin" "fjfij" "fofao" "frfra" "fyfry"
    "gagle" "gdgla" "glglg" "gngrn" "guguj" "gvglv" "hahau" "heheb" "hihin" "hohmo" "hrhrv" "hthat"
    "huhun" "hyhye" "hzher" "iaina" "idind" "ieile" "igibo" "iiiii" "ikipk" "ioido" "isisl" "itita"
    "iuiku" "jajpn" "jvjav" "kakat" "kgkon" "kikik" "kjkua" "kkkaz" "klkal" "kmkhm" "knkan" "kokor"
    "krkau" "kskas" "kukur" "kvkom" "kwcor" "kykir" "lalat" "lbltz" "lglug" "lilim" "lnlin" "lolao"
    "ltlit" "lulub" "lvlav" "mgmlg" "mhmah" "mimri" "mkmkd" "mlmal" "mnmon" "mrmar" "msmsa" "mtmlt"
    "mymya" "nanau" "nbnob" "ndnde" "nenep" "ngndo" "nlnld" "nnnno" "nonor" "nrnbl" "nvnav" "nynya"
    "ococi" "ojoji" "omorm" "orori" "ososs" "papan" "pipli" "plpol" "pspus" "ptpor" "quque" "rmroh"
    "rnrun" "roron" "rurus" "rwkin" "sasan" "scsrd" "sdsnd" "sesme" "sgsag" "sisin" "skslk" "slslv"
    "smsmo" "snsna" "sosom" "sqsqi" "srsrp" "ssssw" "stsot" "susun" "svswe" "swswa" "tatam" "tetel"
    "tgtgk" "ththa" "titir" "tktuk" "tltgl" "tntsn" "toton" "trtur" "tstso" "tttat" "twtwi" "tytah"
    "uguig" "ukukr" "ururd" "uzuzb" "veven" "vivie" "vovol" "wawln" "wowol" "xhxho" "yiyid" "yoyor"
    "zazha" "zhzho" "zuzul";

bool is_lower(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= 'a' && c <= 'z'; });
}

std::string_view three_letters(std::string_view tag) {
    const std::string_view primary = tag.substr(0, tag.find('-'));
    if (!is_lower(primary)) return "und";
    if (primary.size() == 3) return primary;
    if (primary.size() == 2) {
        for (std::size_t at = 0; at < kCodes.size(); at += 5) {
            if (kCodes.substr(at, 2) == primary) return kCodes.substr(at + 2, 3);
        }
    }
    return "und";
}

}  // namespace

std::uint16_t packed_language(std::string_view tag) {
    unsigned packed = 0;
    for (const char letter : three_letters(tag)) {
        packed = packed << 5 | static_cast<unsigned>(letter - 0x60);
    }
    return static_cast<std::uint16_t>(packed);
}

bool needs_extended_language(std::string_view tag) {
    return !tag.empty() && (tag.size() != 3 || !is_lower(tag));
}

}  // namespace sg::formats
