#include "signed_uris.hpp"

#include <support/catch.hpp>

using namespace sg::server;

TEST_CASE("the token is carried into the relative URIs of a playlist") {
    CHECK(sign_playlist_uris("#EXTM3U\n"
                             "#EXT-X-MAP:URI=\"init.mp4\"\n"
                             "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"a.2.m4s?x=1\",BYTERANGE-START=5\n"
                             "# a comment\n"
                             "\n"
                             "a.m4s\r\n"
                             "https://elsewhere/b.m4s\n",
                             "exp=1&sig=2") ==
          "#EXTM3U\n"
          "#EXT-X-MAP:URI=\"init.mp4?exp=1&sig=2\"\n"
          "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"a.2.m4s?x=1&exp=1&sig=2\",BYTERANGE-START=5\n"
          "# a comment\n"
          "\n"
          "a.m4s?exp=1&sig=2\r\n"
          "https://elsewhere/b.m4s\n");
}

TEST_CASE("the token is carried into the templates of an MPD") {
    CHECK(sign_manifest_uris("<SegmentTemplate media=\"$Number$.m4s\" initialization=\"i.mp4\"/>"
                             "<X media=\"https://e/x\"/>",
                             "exp=1&sig=2") ==
          "<SegmentTemplate media=\"$Number$.m4s?exp=1&amp;sig=2\" "
          "initialization=\"i.mp4?exp=1&amp;sig=2\"/><X media=\"https://e/x\"/>");
}
