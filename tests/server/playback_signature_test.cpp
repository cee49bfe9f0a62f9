#include <server/playback_signature.hpp>

#include <support/catch.hpp>

#include "running_server.hpp"

using namespace sg::server;
using namespace sg::server::test;

TEST_CASE("a signature holds for its prefix until it expires") {
    const PlaybackSignature signer({"secret"});
    const auto token = signer.sign("/live/one/", 1000);
    CHECK(signer.verify("/live/one/", token, 999));
    CHECK_FALSE(signer.verify("/live/one/", token, 1000));
    CHECK_FALSE(signer.verify("/live/two/", token, 999));
    auto later = token;
    later.replace(0, 8, "exp=2000");
    CHECK_FALSE(signer.verify("/live/one/", later, 999));
    CHECK_FALSE(PlaybackSignature({"other"}).verify("/live/one/", token, 999));
    CHECK(PlaybackSignature({"other", "secret"}).verify("/live/one/", token, 999));
}

TEST_CASE("a signature is what RFC 2104 with SHA-256 gives") {
    // openssl dgst -sha256 -hmac secret over "/live/one/\n1000".
    CHECK(PlaybackSignature({"secret"}).sign("/live/one/", 1000) ==
          "exp=1000&sig=b031c89ecfeaa599dbf38e23f14bad58dfc0da8a48b0acee5512ab52ac645023");
}

TEST_CASE("malformed tokens are not accepted") {
    const PlaybackSignature signer({"secret"});
    for (const auto* bad : {"",
                            "exp=1",
                            "sig=2",
                            "exp=&sig=",
                            "exp=x&sig=y",
                            "exp=-1&sig=00",
                            "exp=99999999999999999999&sig=00"}) {
        CHECK_FALSE(signer.verify("/live/one/", bad, 0));
        CHECK(PlaybackSignature::token_of(bad).empty());
    }
}

TEST_CASE("with keys only signed URLs play, and playlists carry the token on") {
    PlaybackOptions playback;
    playback.signature_keys = {"secret"};
    RunningServer server({}, playback);
    FakeView view;
    view.objects["index.m3u8"] = playlist("#EXTM3U\nlow/index.m3u8\n");
    view.objects["a.m4s"] = segment("media");
    server.channel().publish(std::move(view));
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
    const auto token = PlaybackSignature({"secret"}).sign("/live/one/", now + 3600);
    TestClient client(server.port());
    CHECK(client.fetch("/live/one/index.m3u8").status == 403);
    CHECK(client.fetch("/live/one/a.m4s").status == 403);
    CHECK(client.fetch("/live/one/index.m3u8?exp=1&sig=" + std::string(64, '0')).status == 403);
    auto answer = client.fetch("/live/one/index.m3u8?" + token);
    CHECK(answer.status == 200);
    CHECK(answer.body == "#EXTM3U\nlow/index.m3u8?" + token + "\n");
    CHECK(client.fetch("/live/one/a.m4s?" + token).status == 200);

    auto cookie = answer.fields["set-cookie"];
    REQUIRE(cookie.find("Path=/live/one/") != std::string::npos);
    cookie = cookie.substr(0, cookie.find(';'));
    answer = client.fetch("/live/one/a.m4s", "Cookie: x=y; " + cookie + "\r\n");
    CHECK(answer.status == 200);
    CHECK(answer.fields["cache-control"].starts_with("private"));
}
