#include <media/codec.hpp>
#include <support/catch.hpp>

using namespace sg::media;

TEST_CASE("codec: every codec's name leads back to it", "[media]") {
    for (int i = 0; i <= static_cast<int>(CodecId::kOther); ++i) {
        const auto id = static_cast<CodecId>(i);
        CHECK(codec_from_name(codec_name(id)) == id);
    }
    CHECK(codec_from_name("mpeg2video") == CodecId::kOther);
    CHECK(codec_from_name("") == CodecId::kUnknown);
}
