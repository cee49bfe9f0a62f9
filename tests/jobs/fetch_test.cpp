#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include <jobs/fetch.hpp>

#include <support/catch.hpp>
#include <support/raw_server.hpp>
#include <support/temp_folder.hpp>

using namespace sg;
using namespace sg::jobs;
using sg::test::http_reply;
using sg::test::RawReply;
using sg::test::RawServer;

namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

std::string film() {
    std::string bytes(300'000, '\0');
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 % 251);
    return bytes;
}

std::size_t range_start(const std::string& request) {
    const auto at = request.find("Range: bytes=");
    return at == std::string::npos ? 0 : std::strtoul(request.c_str() + at + 13, nullptr, 10);
}

/// The rest of `bytes` as a server with a strong ETag gives it, ended early after `most`.
RawReply rest_of(const std::string& bytes,
                 const std::string& request,
                 std::size_t most,
                 const std::string& tag = "\"v1\"") {
    auto from = range_start(request);
    if (from > 0 && request.find("If-Range: " + tag) == std::string::npos) from = 0;
    const auto left = bytes.substr(from);
    std::string head = from > 0
                           ? "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes " +
                                 std::to_string(from) + "-" + std::to_string(bytes.size() - 1) +
                                 "/" + std::to_string(bytes.size()) + "\r\n"
                           : std::string("HTTP/1.1 200 OK\r\n");
    head += "ETag: " + tag + "\r\nContent-Length: " + std::to_string(left.size()) +
            "\r\nConnection: close\r\n\r\n";
    return {head + left.substr(0, most)};
}

struct Folder {
    test::TempFolder folder;
    fs::path file = folder.path() / "source";
    FetchOptions options = [] {
        FetchOptions o;
        o.allow_private_addresses = true;
        o.pause = std::chrono::milliseconds(1);
        return o;
    }();

    [[nodiscard]] bool only_the_file() const {
        std::size_t count = 0;
        for ([[maybe_unused]] const auto& entry : fs::directory_iterator(folder.path())) ++count;
        return count == 1 && fs::exists(file);
    }
    [[nodiscard]] bool nothing() const { return fs::is_empty(folder.path()); }
};

}  // namespace

TEST_CASE_METHOD(Folder, "what is at a URL is in the file, whole, and nothing beside it") {
    const auto bytes = film();
    const RawServer server([&](const std::string& r) { return rest_of(bytes, r, bytes.size()); });
    FetchProgress last;
    options.progress = [&](const FetchProgress& p) { last = p; };
    const auto fetched = fetch(server.url("/film.mov?token=secret"), file, options, {});
    REQUIRE(fetched);
    CHECK(text_of(file) == bytes);
    CHECK(fetched->bytes == bytes.size());
    CHECK(fetched->etag == "\"v1\"");
    CHECK(fetched->url == server.url("/film.mov"));
    CHECK(fetched->resumed == 0);
    CHECK(last.bytes == bytes.size());
    CHECK(last.total == bytes.size());
    CHECK(only_the_file());
}

TEST_CASE_METHOD(Folder, "a connection that breaks is gone on from where it ended") {
    const auto bytes = film();
    const RawServer server([&](const std::string& r) { return rest_of(bytes, r, 70'000); });
    const auto fetched = fetch(server.url(), file, options, {});
    REQUIRE(fetched);
    CHECK(text_of(file) == bytes);
    CHECK(fetched->resumed >= 4);
    CHECK(server.requests().size() >= 5);
    CHECK(only_the_file());
}

TEST_CASE_METHOD(Folder, "an object that changed meanwhile is read from its start") {
    const auto first = film();
    const std::string second(100'000, 's');
    std::atomic<int> count = 0;
    const RawServer server([&](const std::string& r) {
        return count++ == 0 ? rest_of(first, r, 70'000) : rest_of(second, r, 200'000, "\"v2\"");
    });
    const auto fetched = fetch(server.url(), file, options, {});
    REQUIRE(fetched);
    CHECK(text_of(file) == second);
    CHECK(fetched->etag == "\"v2\"");
}

TEST_CASE_METHOD(Folder,
                 "without a strong ETag a broken object is read from its start, a few times") {
    const auto bytes = film();
    for (const std::string tag : {"W/\"v1\"", "unquoted"}) {
        std::atomic<int> count = 0;
        const RawServer server([&](const std::string& r) {
            CHECK(r.find("Range") == std::string::npos);
            return rest_of(bytes, r, count++ < 2 ? 70'000 : bytes.size(), tag);
        });
        const auto fetched = fetch(server.url(), file, options, {});
        REQUIRE(fetched);
        CHECK(text_of(file) == bytes);
    }
    const RawServer broken([&](const std::string& r) { return rest_of(bytes, r, 70'000, "W/x"); });
    const auto fetched = fetch(broken.url(), folder.path() / "other", options, {});
    REQUIRE_FALSE(fetched);
    CHECK(fetched.error().code == Errc::kIo);
    CHECK(broken.requests().size() == 5);
}

TEST_CASE_METHOD(Folder,
                 "a part that an earlier process left is gone on with when its tag matches") {
    const auto bytes = film();
    std::ofstream(file.string() + ".part") << bytes.substr(0, 100'000);
    std::ofstream(file.string() + ".part.tag") << "\"v1\"";
    const RawServer server([&](const std::string& r) { return rest_of(bytes, r, bytes.size()); });
    const auto fetched = fetch(server.url(), file, options, {});
    REQUIRE(fetched);
    CHECK(text_of(file) == bytes);
    CHECK(fetched->resumed == 1);
    CHECK(server.requests().at(0).find("Range: bytes=100000-\r\n") != std::string::npos);
    CHECK(only_the_file());
}

TEST_CASE_METHOD(Folder, "a part that is longer than the object is thrown away") {
    const auto bytes = film();
    std::ofstream(file.string() + ".part") << bytes << "more";
    std::ofstream(file.string() + ".part.tag") << "\"v1\"";
    const RawServer server([&](const std::string& r) {
        if (range_start(r) >= bytes.size()) return RawReply{http_reply(416, {}, "")};
        return rest_of(bytes, r, bytes.size());
    });
    const auto fetched = fetch(server.url(), file, options, {});
    REQUIRE(fetched);
    CHECK(text_of(file) == bytes);
}

TEST_CASE_METHOD(Folder, "more bytes than are allowed are refused, said or not") {
    options.max_bytes = 1000;
    const RawServer said(
        [](const std::string&) { return RawReply{http_reply(200, {}, std::string(1001, 'x'))}; });
    const RawServer unsaid([](const std::string&) {
        return RawReply{"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + std::string(1001, 'x')};
    });
    for (const auto* server : {&said, &unsaid}) {
        const auto fetched = fetch(server->url(), file, options, {});
        REQUIRE_FALSE(fetched);
        CHECK(fetched.error().code == Errc::kLimit);
        CHECK(nothing());
        CHECK(server->requests().size() == 1);
    }
    options.max_bytes = 1001;
    CHECK(fetch(unsaid.url(), file, options, {}));
}

TEST_CASE_METHOD(Folder, "a full disk is said before anything is written") {
    const RawServer server([](const std::string&) {
        return RawReply{"HTTP/1.1 200 OK\r\nContent-Length: 4611686018427387904\r\n\r\nx"};
    });
    options.max_bytes = std::uint64_t{1} << 63;
    const auto fetched = fetch(server.url(), file, options, {});
    REQUIRE_FALSE(fetched);
    CHECK(fetched.error().code == Errc::kNoSpace);
    CHECK(nothing());
}

TEST_CASE_METHOD(Folder, "what a server answers decides whether it is asked again") {
    struct Case {
        int status;
        Errc code;
        std::size_t requests;
    };
    for (const auto& c : {Case{404, Errc::kNotFound, 1},
                          Case{410, Errc::kNotFound, 1},
                          Case{403, Errc::kPermission, 1},
                          Case{400, Errc::kBadData, 1},
                          Case{204, Errc::kBadData, 1},
                          Case{206, Errc::kBadData, 1},
                          Case{500, Errc::kBadData, 4},
                          Case{503, Errc::kBadData, 4},
                          Case{429, Errc::kBadData, 4}}) {
        const RawServer server(
            [&](const std::string&) { return RawReply{http_reply(c.status, {}, "")}; });
        const auto fetched = fetch(server.url(), file, options, {});
        INFO(c.status);
        REQUIRE_FALSE(fetched);
        CHECK(fetched.error().code == c.code);
        CHECK(server.requests().size() == c.requests);
        CHECK_FALSE(fs::exists(file));
    }
}

TEST_CASE_METHOD(Folder, "this host is out of reach unless it is allowed, by redirects as well") {
    const auto bytes = film();
    const RawServer server([&](const std::string& r) { return rest_of(bytes, r, bytes.size()); });
    options.allow_private_addresses = false;
    for (const auto* url : {"http://localhost:", "http://127.0.0.1:", "http://0x7f.1:"}) {
        const auto fetched = fetch(url + std::to_string(server.port()), file, options, {});
        REQUIRE_FALSE(fetched);
        CHECK(fetched.error().code == Errc::kPermission);
    }
    for (const auto* url : {"file:///etc/passwd", "ftp://example.com/x", "film.mov", ""}) {
        const auto fetched = fetch(url, file, options, {});
        REQUIRE_FALSE(fetched);
        CHECK(fetched.error().code == Errc::kInvalidArgument);
    }
    CHECK(server.requests().empty());
}

TEST_CASE_METHOD(Folder, "a server that falls silent is given up, and left at once when stopped") {
    const RawServer server([](const std::string&) {
        return RawReply{"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", true};
    });
    options.silence = std::chrono::milliseconds(100);
    options.attempts = 1;
    const auto silent = fetch(server.url(), file, options, {});
    REQUIRE_FALSE(silent);
    CHECK(silent.error().code == Errc::kTimeout);

    options.silence = std::chrono::minutes(10);
    std::stop_source stop;
    options.progress = [&](const FetchProgress& p) {
        if (p.bytes > 0) stop.request_stop();
    };
    const auto stopped = fetch(server.url(), file, options, stop.get_token());
    REQUIRE_FALSE(stopped);
    CHECK(stopped.error().code == Errc::kCancelled);
    CHECK_FALSE(fs::exists(file));
}

TEST_CASE_METHOD(Folder, "a link in place of the part is not followed") {
    fs::create_symlink(folder.path() / "victim", file.string() + ".part");
    std::ofstream(folder.path() / "victim") << "mine";
    const auto bytes = film();
    const RawServer server([&](const std::string& r) { return rest_of(bytes, r, bytes.size()); });
    CHECK_FALSE(fetch(server.url(), file, options, {}));
    CHECK(text_of(folder.path() / "victim") == "mine");
}
