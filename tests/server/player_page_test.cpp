#include <server/player_page.hpp>

#include "running_server.hpp"

using namespace sg::server;
using namespace sg::server::test;

TEST_CASE("the player page is served with all it names, under a strict policy") {
    RunningServer server({}, {}, add_player_page);
    TestClient client(server.port());
    auto answer = client.fetch("/");
    CHECK(answer.status == 200);
    CHECK(answer.fields["content-security-policy"].find("default-src 'none'") != std::string::npos);
    CHECK(answer.body.find("<style") == std::string::npos);
    CHECK(answer.body.find("onclick") == std::string::npos);
    const std::string page = answer.body;
    std::size_t assets = 0;
    for (auto at = page.find("=\"/player/"); at != std::string::npos;
         at = page.find("=\"/player/", at + 1)) {
        const auto path = page.substr(at + 2, page.find('"', at + 2) - at - 2);
        INFO(path);
        answer = client.fetch(path);
        CHECK(answer.status == 200);
        CHECK_FALSE(answer.body.empty());
        CHECK(gunzip(client.fetch(path, "Accept-Encoding: gzip\r\n").body) == answer.body);
        CHECK(client.fetch(path, "If-None-Match: " + answer.fields["etag"] + "\r\n").status == 304);
        ++assets;
    }
    CHECK(assets == 3);
    CHECK(client.fetch("/player/hls-license.txt").status == 200);
}
