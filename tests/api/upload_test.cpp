#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

#include <api/uploads.hpp>
#include <nlohmann/json.hpp>

#include <base/digest.hpp>

#include "base64.hpp"
#include "running_api.hpp"

namespace sg::api::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kTus = "Tus-Resumable: 1.0.0\r\n";
constexpr const char* kBytes = "Content-Type: application/offset+octet-stream\r\n";

struct UploadsApi : RunningApi {
    explicit UploadsApi(UploadOptions options = {})
        : RunningApi(upload_migrations(), [options](RunningApi& api, ApiRouter& router) {
              auto settings = options;
              settings.folder = api.folder / "uploads";
              auto opened = Uploads::open(*api.database, settings, api.clock, api.metrics);
              REQUIRE(opened);
              (*opened)->add_to(router);
              return std::shared_ptr<void>(std::move(*opened));
          }) {}

    /// Its path, "/v1/uploads/upl_...".
    std::string begin(const std::string& lines, const std::string& owner = "alice") {
        const auto answer = ask("POST", "/v1/uploads", as(owner) + kTus + lines);
        INFO(answer.body);
        REQUIRE(answer.status == 201);
        return answer.fields.at("location");
    }
    Answer patch(const std::string& path,
                 std::uint64_t offset,
                 std::string_view body,
                 const std::string& lines = {},
                 const std::string& owner = "alice") {
        return ask("PATCH",
                   path,
                   as(owner) + kTus + kBytes + lines + fmt::format("Upload-Offset: {}\r\n", offset),
                   body);
    }
    std::string offset_of(const std::string& path) {
        return ask("HEAD", path, as("alice") + kTus).fields["upload-offset"];
    }
    json get(const std::string& path, const std::string& owner = "alice") {
        const auto answer = ask("GET", path, as(owner));
        INFO(answer.body);
        REQUIRE(answer.status == 200);
        return json::parse(answer.body);
    }
    [[nodiscard]] std::string stored(const std::string& path) const {
        std::ifstream file(folder / ("uploads/" + path.substr(path.rfind('/') + 1)));
        return {std::istreambuf_iterator<char>(file), {}};
    }
    [[nodiscard]] std::vector<std::string> finished() const {
        auto reader = database->read();
        auto events = jobs::events_after(**reader, 0, "", 100);
        std::vector<std::string> out;
        for (const auto& event : *events) {
            if (event.type == "upload.finished") out.push_back(event.subject);
        }
        return out;
    }

    [[nodiscard]] const Uploads& uploads() const { return *static_cast<Uploads*>(routes()); }
};

std::string sha256_base64(std::string_view text) {
    const auto hex = sha256_hex(text);
    std::string bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2) {
        bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
    }
    return to_base64(bytes);
}

}  // namespace

TEST_CASE("an upload in pieces is put together and told", "[uploads]") {
    UploadsApi api;
    const auto path = api.begin("Upload-Length: 10\r\nUpload-Metadata: filename ZmlsbS5tb3Y=\r\n");
    CHECK(api.offset_of(path) == "0");
    auto answer = api.patch(path, 0, "hello");
    CHECK(answer.status == 204);
    CHECK(answer.fields.at("upload-offset") == "5");
    CHECK(answer.fields.at("tus-resumable") == "1.0.0");
    CHECK(answer.fields.contains("upload-expires"));
    const auto id = path.substr(path.rfind('/') + 1);
    CHECK(api.uploads().file_of(id, "alice")->has_value() == false);
    CHECK(api.offset_of(path) == "5");
    CHECK(api.patch(path, 5, "world").status == 204);
    CHECK(api.stored(path) == "helloworld");
    CHECK(api.finished() == std::vector{id});
    const auto upload = api.get(path);
    CHECK(upload["state"] == "finished");
    CHECK(upload["name"] == "film.mov");
    CHECK(upload["uri"] == "upload:" + id);
    CHECK(**api.uploads().file_of(id, "alice") == api.folder / ("uploads/" + id));
    CHECK(api.uploads().file_of(id, "bob").error().code == Errc::kNotFound);
    const auto head = api.ask("HEAD", path, api.as("alice") + kTus);
    CHECK(head.fields.at("upload-length") == "10");
    CHECK(head.fields.at("upload-metadata") == "filename ZmlsbS5tb3Y=");
    CHECK(head.fields.at("cache-control") == "no-store");
}

TEST_CASE("creation can bring bytes, no bytes, or leave the length open", "[uploads]") {
    UploadsApi api;
    const auto with = api.ask(
        "POST", "/v1/uploads", api.as("alice") + kTus + kBytes + "Upload-Length: 8\r\n", "1234");
    CHECK(with.status == 201);
    CHECK(with.fields.at("upload-offset") == "4");
    CHECK(api.patch(with.fields.at("location"), 4, "5678").status == 204);
    CHECK(api.stored(with.fields.at("location")) == "12345678");

    const auto empty = api.begin("Upload-Length: 0\r\n");
    CHECK(api.get(empty)["state"] == "finished");

    const auto open = api.begin("Upload-Defer-Length: 1\r\n");
    CHECK(api.ask("HEAD", open, api.as("alice") + kTus).fields.at("upload-defer-length") == "1");
    CHECK(api.patch(open, 0, "abc").status == 204);
    CHECK(api.patch(open, 3, "def", "Upload-Length: 6\r\n").status == 204);
    CHECK(api.get(open)["state"] == "finished");
}

TEST_CASE("a wrong offset changes nothing", "[uploads]") {
    UploadsApi api;
    const auto path = api.begin("Upload-Length: 10\r\n");
    CHECK(api.patch(path, 0, "hello").status == 204);
    CHECK(api.patch(path, 3, "xxxxx").status == 409);
    CHECK(api.patch(path, 9, "x").status == 409);
    CHECK(api.offset_of(path) == "5");
    CHECK(api.stored(path) == "hello");
}

TEST_CASE("bytes with a wrong checksum are taken back", "[uploads]") {
    UploadsApi api;
    const auto path = api.begin("Upload-Length: 10\r\n");
    CHECK(api.patch(path, 0, "hello", "Upload-Checksum: sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=\r\n")
              .status == 204);
    const auto bad = "Upload-Checksum: sha256 " + sha256_base64("other") + "\r\n";
    CHECK(api.patch(path, 5, "world", bad).status == 460);
    CHECK(api.offset_of(path) == "5");
    CHECK(api.patch(path, 5, "world", "Upload-Checksum: crc32 AAAAAA==\r\n").status == 400);
    const auto good = "Upload-Checksum: sha256 " + sha256_base64("world") + "\r\n";
    CHECK(api.patch(path, 5, "world", good).status == 204);
    CHECK(api.stored(path) == "helloworld");
}

TEST_CASE("a whole file must have the digest that was promised", "[uploads]") {
    UploadsApi api;
    const auto meta = [](std::string_view digest) {
        return "Upload-Length: 5\r\nUpload-Metadata: sha256 " + to_base64(digest) + "\r\n";
    };
    const auto good = api.begin(meta(sha256_hex("hello")));
    CHECK(api.patch(good, 0, "hello").status == 204);
    CHECK(api.get(good)["sha256"] == sha256_hex("hello"));
    const auto bad = api.begin(meta(sha256_hex("other")));
    CHECK(api.patch(bad, 0, "hello").status == 460);
    CHECK(api.ask("GET", bad, api.as("alice")).status == 404);
    CHECK(api.finished().size() == 1);
}

TEST_CASE("what a killed service had taken stays, what was not checked goes", "[uploads]") {
    UploadsApi api;
    const auto path = api.begin("Upload-Length: 10\r\n");
    const auto checked = api.begin("Upload-Length: 10\r\n");
    const auto whole = api.begin("Upload-Length: 5\r\n");
    CHECK(api.patch(path, 0, "hello").status == 204);
    CHECK(api.patch(checked, 0, "hello").status == 204);
    api.stop();
    // As a kill in the middle leaves them: bytes behind the last answer, a note of unchecked ones,
    // a file whose end was not written down, one without its row.
    const auto file = [&](const std::string& of) {
        return api.folder / ("uploads/" + of.substr(of.rfind('/') + 1));
    };
    std::ofstream(file(path), std::ios::app) << "wo";
    std::ofstream(file(checked), std::ios::app) << "xx";
    std::ofstream(file(checked).string() + ".unchecked") << "5";
    std::ofstream(file(whole)) << "whole";
    std::ofstream(api.folder / "uploads/upl_stranger") << "x";
    std::ofstream(api.folder / "uploads/upl_other.unchecked.part") << "x";
    api.start();
    CHECK(api.offset_of(path) == "7");
    CHECK(api.offset_of(checked) == "5");
    CHECK(api.get(whole)["state"] == "finished");
    CHECK_FALSE(fs::exists(api.folder / "uploads/upl_stranger"));
    CHECK_FALSE(fs::exists(api.folder / "uploads/upl_other.unchecked.part"));
    CHECK(api.patch(path, 7, "rld").status == 204);
    CHECK(api.patch(checked, 5, "world").status == 204);
    CHECK(api.stored(path) == "helloworld");
    CHECK(api.stored(checked) == "helloworld");
}

TEST_CASE("a connection that breaks leaves what has come", "[uploads]") {
    UploadsApi api;
    const auto path = api.begin("Upload-Length: 10\r\n");
    {
        auto client = api.connect();
        client.send("PATCH " + path + " HTTP/1.1\r\nHost: test\r\n" + api.as("alice") + kTus +
                    kBytes + "Upload-Offset: 0\r\nContent-Length: 10\r\n\r\nhel");
        REQUIRE(eventually([&] { return api.offset_of(path) == "3"; }));
        // While it is open, nobody else adds; but it is cut off for whoever comes again.
        CHECK(api.patch(path, 3, "lo").status == 423);
        REQUIRE(eventually([&] { return client.at_end(); }));
    }
    REQUIRE(eventually([&] { return api.patch(path, 3, "loworld").status == 204; }));
    CHECK(api.stored(path) == "helloworld");
}

TEST_CASE("a body that comes too slowly is ended, what has come stays", "[uploads]") {
    UploadsApi api;
    api.stop();
    api.http_options.write_timeout = std::chrono::milliseconds(50);
    api.start();
    const auto path = api.begin("Upload-Length: 10\r\n");
    auto client = api.connect();
    client.send("PATCH " + path + " HTTP/1.1\r\nHost: test\r\n" + api.as("alice") + kTus + kBytes +
                "Upload-Offset: 0\r\nContent-Length: 10\r\n\r\nhel");
    CHECK(client.read().status == 408);
    CHECK(api.offset_of(path) == "3");
}

TEST_CASE("a file comes whole by PUT, with a length or in chunks", "[uploads]") {
    UploadsApi api;
    const auto put = api.ask("PUT",
                             "/v1/uploads/my%20film.mov",
                             api.as("alice") + "X-Checksum-Sha256: " + sha256_hex("hello") + "\r\n",
                             "hello");
    INFO(put.body);
    REQUIRE(put.status == 201);
    CHECK(json::parse(put.body)["name"] == "my film.mov");
    CHECK(api.stored(put.fields.at("location")) == "hello");
    auto client = api.connect();
    client.send("PUT /v1/uploads/b.ts HTTP/1.1\r\nHost: test\r\n" + api.as("alice") +
                "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n");
    const auto chunked = client.read();
    REQUIRE(chunked.status == 201);
    CHECK(api.stored(chunked.fields.at("location")) == "abcdef");
    CHECK(api.finished().size() == 2);

    const auto digest = "Repr-Digest: sha-256=:" + sha256_base64("hello") + ":\r\n";
    CHECK(api.ask("PUT", "/v1/uploads/a", api.as("alice") + digest, "hello").status == 201);
    CHECK(api.ask("PUT", "/v1/uploads/a", api.as("alice") + digest, "other").status == 460);
    CHECK(api.get("/v1/uploads")["items"].size() == 3);
}

TEST_CASE("uploads of others are not there", "[uploads]") {
    UploadsApi api;
    const auto path = api.begin("Upload-Length: 10\r\n");
    CHECK(api.patch(path, 0, "hello", "", "bob").status == 404);
    CHECK(api.ask("HEAD", path, api.as("bob") + kTus).status == 404);
    CHECK(api.ask("GET", path, api.as("bob")).status == 404);
    CHECK(api.ask("DELETE", path, api.as("bob")).status == 404);
    CHECK(api.get("/v1/uploads", "bob")["items"].empty());
    CHECK(api.ask("GET", path, "").status == 401);
    CHECK(
        api.ask("POST", "/v1/uploads", api.as("eve", Role::kViewer) + kTus + "Upload-Length: 1\r\n")
            .status == 403);
}

TEST_CASE("limits of size and number hold", "[uploads]") {
    UploadOptions options;
    options.max_bytes = 100;
    options.open_per_owner = 2;
    options.bytes_per_owner = 150;
    UploadsApi api(options);
    const auto create = [&](const std::string& lines) {
        return api.ask("POST", "/v1/uploads", api.as("alice") + kTus + lines).status;
    };
    CHECK(create("Upload-Length: 101\r\n") == 413);
    CHECK(api.ask("PUT", "/v1/uploads/a", api.as("alice"), std::string(101, 'x')).status == 413);
    auto client = api.connect();
    client.send("PUT /v1/uploads/b HTTP/1.1\r\nHost: test\r\n" + api.as("alice") +
                "Transfer-Encoding: chunked\r\n\r\n96\r\n" + std::string(150, 'x') +
                "\r\n0\r\n\r\n");
    CHECK(client.read().status == 413);
    const auto path = api.begin("Upload-Length: 10\r\n");
    CHECK(api.patch(path, 0, "more than ten bytes").status == 413);
    CHECK(create("Upload-Length: 100\r\n") == 201);
    CHECK(create("Upload-Length: 1\r\n") == 429);
    CHECK(api.ask("DELETE", path, api.as("alice")).status == 204);
    CHECK(create("Upload-Length: 60\r\n") == 429);
    CHECK(create("Upload-Length: 40\r\n") == 201);
    CHECK(fs::exists(api.folder / "uploads"));
}

TEST_CASE("an upload of unknown length counts as the largest", "[uploads]") {
    UploadOptions options;
    options.max_bytes = 100;
    options.open_per_owner = 10;
    options.bytes_per_owner = 150;
    UploadsApi api(options);
    const auto create = [&](const std::string& lines) {
        return api.ask("POST", "/v1/uploads", api.as("alice") + kTus + lines).status;
    };
    CHECK(create("Upload-Defer-Length: 1\r\n") == 201);
    CHECK(create("Upload-Defer-Length: 1\r\n") == 429);
    CHECK(create("Upload-Length: 51\r\n") == 429);
    CHECK(create("Upload-Length: 50\r\n") == 201);
}

TEST_CASE("hostile headers of uploads are refused", "[uploads]") {
    UploadsApi api;
    const auto alice = api.as("alice");
    const auto create = [&](const std::string& lines) {
        return api.ask("POST", "/v1/uploads", alice + lines).status;
    };
    CHECK(create("Upload-Length: 5\r\n") == 412);
    CHECK(create("Tus-Resumable: 2.0.0\r\nUpload-Length: 5\r\n") == 412);
    const std::string tus = kTus;
    for (const char* length : {"-1", "1e9", "99999999999999999999999", "0x10", "5,5", "five"}) {
        INFO(length);
        CHECK(create(tus + "Upload-Length: " + length + "\r\n") == 400);
    }
    CHECK(create(tus) == 400);
    CHECK(create(tus + "Upload-Length: 5\r\nUpload-Defer-Length: 1\r\n") == 400);
    CHECK(create(tus + "Upload-Defer-Length: 2\r\n") == 400);
    for (const char* metadata : {"name", "name ???", "a Zg==,a Zg==", ",,,", "sha256 Zg=="}) {
        INFO(metadata);
        const auto status =
            create(tus + "Upload-Length: 5\r\nUpload-Metadata: " + metadata + "\r\n");
        CHECK(status == (std::string_view(metadata) == "name" ? 201 : 400));
    }
    const auto path = api.begin("Upload-Length: 5\r\nUpload-Metadata: filename " +
                                to_base64("../../../etc/passwd") + "\r\n");
    CHECK(api.get(path)["name"] == "passwd");
    CHECK(api.ask("PATCH", path, alice + tus + "Upload-Offset: 0\r\n", "hello").status == 415);
    for (const char* offset : {"-1", "", "zero", "99999999999999999999999"}) {
        CHECK(
            api.ask("PATCH", path, alice + tus + kBytes + "Upload-Offset: " + offset + "\r\n", "x")
                .status == 400);
    }
    for (const char* name : {"/v1/uploads/..",
                             "/v1/uploads/%2e%2e",
                             "/v1/uploads/a%2Fb",
                             "/v1/uploads/%00",
                             "/v1/uploads/a%0d%0ab"}) {
        INFO(name);
        CHECK(api.ask("PUT", name, alice, "x").status == 400);
    }
    CHECK(api.ask("PUT", "/v1/uploads/a", alice + "Content-Encoding: gzip\r\n", "x").status == 422);
    CHECK(api.ask("PUT", "/v1/uploads/a", alice + "X-Checksum-Sha256: abc\r\n", "x").status == 400);
    CHECK(
        api.ask("PATCH", "/v1/uploads/upl_none", alice + tus + kBytes + "Upload-Offset: 0\r\n", "x")
            .status == 404);
}

TEST_CASE("an upload that a job waits for cannot be deleted", "[uploads]") {
    UploadsApi api;
    const auto path = api.begin("Upload-Length: 10\r\n");
    const auto id = path.substr(path.rfind('/') + 1);
    const json document{{"inputs", {{{"uri", "upload:" + id}}}}};
    api.add_job("alice", document.dump());
    CHECK(api.ask("DELETE", path, api.as("alice")).status == 409);
    const auto other = api.begin("Upload-Length: 10\r\n");
    CHECK(api.ask("DELETE", other, api.as("alice")).status == 204);
    CHECK(api.ask("GET", other, api.as("alice")).status == 404);
}

TEST_CASE("an upload that nobody goes on with expires", "[uploads]") {
    UploadOptions options;
    options.expire = std::chrono::seconds(0);
    UploadsApi api(options);
    const auto path = api.begin("Upload-Length: 10\r\n");
    ::usleep(2'000);  // its clock counts milliseconds
    CHECK(api.patch(path, 0, "hello").status == 410);
    api.stop();
    api.start();  // the sweep comes first thing
    CHECK(eventually([&] { return api.ask("GET", path, api.as("alice")).status == 404; }));
}

TEST_CASE("what the protocol offers is told without credentials", "[uploads]") {
    UploadsApi api;
    const auto answer = api.ask("OPTIONS", "/v1/uploads", "");
    CHECK(answer.status == 204);
    CHECK(answer.fields.at("tus-version") == "1.0.0");
    CHECK(answer.fields.at("tus-extension").find("creation-with-upload") != std::string::npos);
    CHECK(answer.fields.at("tus-checksum-algorithm") == "sha1,sha256");
    CHECK(answer.fields.contains("tus-max-size"));
}

TEST_CASE("pages of allowed sites may upload, others may not read", "[uploads]") {
    UploadsApi api;
    const std::string ours = "Origin: https://upload.example\r\n";
    const std::string theirs = "Origin: https://evil.example\r\n";
    const std::string asks =
        "Access-Control-Request-Method: PATCH\r\nAccess-Control-Request-Headers: tus-resumable\r\n";
    const auto preflight = api.ask("OPTIONS", "/v1/uploads/upl_1", ours + asks);
    CHECK(preflight.status == 204);
    CHECK(preflight.fields.at("access-control-allow-origin") == "https://upload.example");
    CHECK(preflight.fields.at("access-control-allow-methods").find("PATCH") != std::string::npos);
    CHECK(preflight.fields.at("access-control-allow-headers").find("Upload-Offset") !=
          std::string::npos);
    CHECK_FALSE(api.ask("OPTIONS", "/v1/uploads/upl_1", theirs + asks)
                    .fields.contains("access-control-allow-origin"));
    const auto made =
        api.ask("POST", "/v1/uploads", api.as("alice") + kTus + ours + "Upload-Length: 5\r\n");
    CHECK(made.fields.at("access-control-allow-origin") == "https://upload.example");
    CHECK(made.fields.at("access-control-expose-headers").find("Location") != std::string::npos);
    // Failures too, or the page would not know why.
    CHECK(api.ask("POST", "/v1/uploads", ours).fields.contains("access-control-allow-origin"));
    CHECK_FALSE(api.ask("POST", "/v1/uploads", api.as("alice") + theirs)
                    .fields.contains("access-control-allow-origin"));
}

}  // namespace sg::api::test
