#include <ingest/facts.hpp>
#include <support/catch.hpp>

using sg::ingest::language_tag;

TEST_CASE("three-letter codes of either kind become the shortest tag") {
    CHECK(language_tag("ger") == "de");
    CHECK(language_tag("deu") == "de");
    CHECK(language_tag("fre") == "fr");
    CHECK(language_tag("fra") == "fr");
    CHECK(language_tag("eng") == "en");
    CHECK(language_tag("zho") == "zh");
    CHECK(language_tag("zul") == "zu");
    CHECK(language_tag("aar") == "aa");
    CHECK(language_tag("yue") == "yue");
    CHECK(language_tag("haw") == "haw");
}

TEST_CASE("tags are brought to their usual capitals") {
    CHECK(language_tag("pt-br") == "pt-BR");
    CHECK(language_tag("EN_us") == "en-US");
    CHECK(language_tag("zh-hant-tw") == "zh-Hant-TW");
    CHECK(language_tag("por-BR") == "pt-BR");
}

TEST_CASE("what is no language is undetermined") {
    for (const char* text :
         {"", "und", "mis", "zxx", "mul", "xyz!", "x", "123", "\xff\xfe", "english"}) {
        CAPTURE(text);
        CHECK(language_tag(text) == "und");
    }
}
