#include "output_answers.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <server/stored_reply.hpp>

#include <base/file.hpp>

#include "field_reader.hpp"
#include "on_pool.hpp"

namespace sg::api {
namespace {

using server::Method;

constexpr std::size_t kMaxListed = 200'000;
constexpr std::uint64_t kMaxPlaylistBytes = 16U << 20U;
constexpr std::int64_t kDefaultLifetime = 3'600;
constexpr std::size_t kUsualPage = 1'000;
constexpr std::size_t kLargestPage = 10'000;

live::ResourceKind kind_of(std::string_view path) {
    if (path.ends_with(".m3u8")) return live::ResourceKind::kPlaylist;
    if (path.ends_with(".mpd")) return live::ResourceKind::kManifest;
    return live::ResourceKind::kSegment;
}

/// Unreserved characters and "/" stay (RFC 3986 §2.3).
std::string percent_encoded(std::string_view path) {
    std::string out;
    for (const char c : path) {
        const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                           (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_' || c == '~' ||
                           c == '/';
        out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return out;
}

/// Playlists are read, since addresses in them may have to be signed; media is sent from its file.
Status open_resource(const OutputFiles& files, const std::string& path, live::Resource& resource) {
    SG_TRY_ASSIGN(auto file, files.open(path));
    live::MediaBytes bytes;
    bytes.bytes = file.bytes;
    resource.etag = file.etag;
    if (kind_of(path) == live::ResourceKind::kSegment) {
        bytes.file = std::make_shared<const live::StoredFile>(
            live::StoredFile{std::move(file.fd), file.bytes});
    } else {
        if (file.bytes > kMaxPlaylistBytes) {
            return Error{Errc::kLimit, "the playlist is longer than any we make"};
        }
        auto text = std::make_shared<std::vector<std::byte>>(file.bytes);
        SG_TRY_ASSIGN(const auto read, read_at(file.fd.get(), 0, *text, path));
        text->resize(read);
        bytes.bytes = read;
        bytes.memory = std::move(text);
    }
    resource.pieces.push_back(std::move(bytes));
    return {};
}

}  // namespace

OutputAnswers::OutputAnswers(OutputRoutesOptions options, const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      signature_(options_.signature_keys),
      pool_(options_.threads) {}

OutputAnswers::~OutputAnswers() {
    pool_.join();
}

std::int64_t OutputAnswers::now_s() const {
    return std::chrono::duration_cast<std::chrono::seconds>(clock_.wall().time_since_epoch())
        .count();
}

std::variant<std::string, Problem> OutputAnswers::admit(const Call& call,
                                                        std::string_view url,
                                                        Role least,
                                                        std::string_view scope) const {
    const auto& principal = call.principal;
    auto token = server::PlaybackSignature::token_of(call.request().query);
    if (!token.empty()) {
        // The file itself, or any folder above it that is of these outputs.
        std::string_view prefix = call.request().path;
        while (prefix.size() >= url.size()) {
            if (signature_.verify(prefix, token, now_s())) return token;
            const auto slash = prefix.substr(0, prefix.size() - 1).rfind('/');
            if (slash == std::string_view::npos) break;
            prefix = prefix.substr(0, slash + 1);
        }
        return problem("forbidden",
                       "the signature does not fit this address or has expired; ask for a new one");
    }
    if (principal.name.empty()) {
        return problem("unauthenticated",
                       "send an API key or a token as Authorization: Bearer, or use a signed "
                       "address");
    }
    if (principal.role < least) {
        return problem("forbidden",
                       fmt::format("this needs the role {}, these credentials have {}",
                                   name_of(least),
                                   name_of(principal.role)));
    }
    if (!principal.scopes.empty() && !principal.scopes.contains(std::string(scope))) {
        return problem("forbidden",
                       fmt::format("these credentials do not have the scope '{}'", scope));
    }
    return token;
}

server::Task<std::variant<OutputPage, Problem>> OutputAnswers::page(Call& call,
                                                                    ServedOutputs outputs) {
    auto limit = limit_of(call, kUsualPage, kLargestPage);
    if (!limit)
        co_return problem("invalid_parameter",
                          fmt::format("limit lies from 1 to {}", kLargestPage));
    std::vector<OutputFile> files;
    auto listing = on_pool(pool_, call.exchange, [&]() -> Status {
        SG_TRY_ASSIGN(files, outputs.files().list(kMaxListed));
        return {};
    });
    auto listed = co_await std::move(listing);
    if (!listed) co_return problem_of(listed.error());
    const auto after = call.asked("cursor").value_or("");
    auto at = std::upper_bound(
        files.begin(), files.end(), after, [](const std::string& path, const OutputFile& file) {
            return path < file.path;
        });
    OutputPage page;
    for (; at != files.end() && *limit > 0; ++at, --*limit) page.items.push_back(std::move(*at));
    if (at != files.end()) page.next = page.items.back().path;
    co_return page;
}

void OutputAnswers::write_page(const OutputPage& page, std::string_view url, JsonWriter& out) {
    out.key("items").begin_array();
    for (const auto& file : page.items) {
        out.begin_object()
            .member("path", file.path)
            .member("bytes", file.bytes)
            .member("content_type", output_type(file.path))
            .member("url", std::string(url) + percent_encoded(file.path));
        out.key("modified").time(file.modified).end_object();
    }
    out.end_array().key("next_cursor");
    if (page.next) {
        out.value(*page.next);
    } else {
        out.null();
    }
}

server::Task<Reply> OutputAnswers::send(Call& call,
                                        ServedOutputs outputs,
                                        std::string path,
                                        std::string token) {
    live::Resource resource;
    auto opening = on_pool(pool_, call.exchange, [&]() -> Status {
        return open_resource(outputs.files(), path, resource);
    });
    auto opened = co_await std::move(opening);
    if (!opened) {
        if (opened.error().code == Errc::kNotFound) co_return not_found("output", path);
        co_return problem_of(opened.error());
    }
    resource.kind = kind_of(path);
    resource.content_type = output_type(path);
    if (resource.kind == live::ResourceKind::kSegment && outputs.final) {
        resource.max_age = std::chrono::seconds(300);
    }
    auto response =
        server::stored_reply(call.request(), std::move(resource), token, !token.empty());
    if (response.status == 416) {
        response =
            to_response(problem("range_not_satisfiable", "the file has no bytes in this range"),
                        call.request_id);
    }
    if (!token.empty()) add_cors(call.request(), response);
    co_await call.exchange.send(std::move(response));
    co_return std::monostate{};
}

void OutputAnswers::add_cors(const server::Request& request, server::Response& response) const {
    const auto origin = request.field("origin");
    if (origin.empty()) return;
    for (const auto& allowed : options_.allowed_origins) {
        if (allowed != "*" && allowed != origin) continue;
        response.add("Access-Control-Allow-Origin", allowed);
        response.add("Access-Control-Expose-Headers", "Content-Length, Content-Range, Date, ETag");
        if (allowed != "*") response.add("Vary", "Origin");
        return;
    }
}

Reply OutputAnswers::preflight(const Call& call) const {
    server::Response response;
    response.status = 204;
    response.add("Allow", "GET, HEAD, OPTIONS");
    response.add("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS");
    response.add("Access-Control-Allow-Headers", "Range, If-Range, If-None-Match, Cache-Control");
    response.add("Access-Control-Max-Age", "86400");
    add_cors(call.request(), response);
    return response;
}

Reply OutputAnswers::sign(const Call& call, std::string_view url) const {
    auto body = call.request().body.empty()
                    ? std::variant<nlohmann::json, Problem>(nlohmann::json::object())
                    : read_object(call.request().body);
    if (auto* refused = std::get_if<Problem>(&body)) return std::move(*refused);
    FieldReader fields(std::get<nlohmann::json>(body), {"prefix", "expires_in_s"});
    const auto lifetime = fields.integer("expires_in_s", 1, options_.longest_signature.count());
    const auto prefix = fields.text("prefix", 1'024).value_or("");
    const auto folder = prefix.ends_with('/') ? prefix.substr(0, prefix.size() - 1) : prefix;
    if (!prefix.empty() && !is_output_path(folder)) {
        fields.fault("invalid_value",
                     "prefix",
                     "prefix is a file, or a folder with a \"/\" at its end, of the outputs: "
                     "\"1080p/\"");
    }
    if (auto refused = fields.refused()) return std::move(*refused);
    const auto expires = now_s() + lifetime.value_or(kDefaultLifetime);
    const std::string base(url);
    const auto token = signature_.sign(base + prefix, expires);
    JsonWriter out;
    out.begin_object().member("prefix", base + percent_encoded(prefix)).member("query", token);
    out.key("expires").time(expires * 1000);
    if (!prefix.empty() && !prefix.ends_with('/')) {
        out.member("url", base + percent_encoded(prefix) + "?" + token);
    } else if (prefix.empty()) {
        out.member("hls", base + "index.m3u8?" + token);
        out.member("dash", base + "manifest.mpd?" + token);
    }
    out.end_object();
    return json_response(200, out.take());
}

OutputOperations output_operations(const std::string& pattern,
                                   const std::string& noun,
                                   const std::string& tag) {
    OutputOperations all;
    auto& list = all.list;
    list.pattern = pattern;
    list.id = fmt::format("list{}s", noun);
    list.response_schema = "OutputList";
    list.query = {{"limit",
                   "at most so many",
                   fmt::format(R"({{"type":"integer","minimum":1,"maximum":{}}})", kLargestPage)},
                  {"cursor", "next_cursor of the page before"}};

    auto& sign = all.sign;
    sign.method = Method::kPost;
    sign.pattern = pattern + "/sign";
    sign.id = fmt::format("sign{}s", noun);
    sign.max_body_bytes = 4'096;
    sign.request_schema = "OutputSign";
    sign.body_optional = true;
    sign.response_schema = "SignedOutputs";
    sign.audited = true;
    sign.summary = "Make an address of outputs for viewers without credentials";

    auto& download = all.download;
    download.pattern = pattern + "/{path...}";
    download.id = "download" + noun;
    download.open = true;
    download.streams = true;
    download.query = {{"exp", "of a signed address"}, {"sig", "of a signed address"}};
    download.summary = "An output file, whole or a range of it";

    all.preflight = download;
    all.preflight.method = Method::kOptions;
    all.preflight.id = "preflight" + noun;
    all.preflight.success = 204;
    all.preflight.summary = "Which pages may read outputs";
    for (auto* each : {&all.list, &all.sign, &all.download, &all.preflight}) each->tag = tag;
    return all;
}

std::optional<std::size_t> limit_of(const Call& call, std::size_t usual, std::size_t most) {
    const auto asked = call.asked("limit");
    if (!asked) return usual;
    std::size_t limit = 0;
    for (const char c : *asked) {
        if (c < '0' || c > '9' || limit > most) return std::nullopt;
        limit = limit * 10 + static_cast<std::size_t>(c - '0');
    }
    if (limit < 1 || limit > most) return std::nullopt;
    return limit;
}

}  // namespace sg::api
