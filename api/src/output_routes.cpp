#include <algorithm>
#include <memory>
#include <utility>

#include <api/output_routes.hpp>
#include <boost/asio/thread_pool.hpp>
#include <fmt/format.h>
#include <jobs/job_folders.hpp>
#include <jobs/job_table.hpp>
#include <server/playback_signature.hpp>
#include <server/stored_reply.hpp>

#include <base/file.hpp>
#include <base/log.hpp>

#include "field_reader.hpp"
#include "job_outputs.hpp"
#include "json_writer.hpp"
#include "on_pool.hpp"
#include "ready.hpp"

namespace sg::api {
namespace {

using server::Method;

constexpr std::size_t kMaxListed = 200'000;
constexpr std::uint64_t kMaxPlaylistBytes = 16U << 20U;
constexpr std::int64_t kDefaultLifetime = 3'600;
constexpr std::string_view kTrash = ".deleted-";

std::string folder_url(std::string_view job) {
    return fmt::format("/v1/jobs/{}/outputs/", job);
}

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

Problem job_problem(const Error& error, std::string_view id) {
    return error.code == Errc::kNotFound ? not_found("job", id) : problem_of(error);
}

}  // namespace

struct OutputRoutes::Impl {
    Impl(sql::Database& store, OutputRoutesOptions settings, const Clock& time)
        : database(store),
          options(std::move(settings)),
          clock(time),
          signature(options.signature_keys),
          pool(options.threads) {
        boost::asio::post(pool, [this] { empty_trash(); });
    }
    ~Impl() { pool.join(); }

    sql::Database& database;
    const OutputRoutesOptions options;
    const Clock& clock;
    const server::PlaybackSignature signature;
    boost::asio::thread_pool pool;

    [[nodiscard]] std::int64_t now_s() const {
        return std::chrono::duration_cast<std::chrono::seconds>(clock.wall().time_since_epoch())
            .count();
    }
    [[nodiscard]] std::variant<jobs::Job, Problem> find(const Call& call,
                                                        std::string_view owner) const;
    /// The token of a signed request when it holds.
    [[nodiscard]] bool signed_for(const server::Request& request,
                                  std::string_view job,
                                  const std::string& token) const;
    void empty_trash() const;
    void add_cors(const server::Request& request, server::Response& response) const;

    [[nodiscard]] server::Task<Reply> list(Call& call);
    [[nodiscard]] server::Task<Reply> send_list(Call& call, jobs::Job job);
    [[nodiscard]] server::Task<Reply> download(Call& call);
    [[nodiscard]] server::Task<Reply> send_file(Call& call, jobs::Job job, std::string token);
    [[nodiscard]] server::Task<Reply> preflight(Call& call);
    [[nodiscard]] server::Task<Reply> sign(Call& call);
    [[nodiscard]] server::Task<Reply> remove(Call& call);
};

std::variant<jobs::Job, Problem> OutputRoutes::Impl::find(const Call& call,
                                                          std::string_view owner) const {
    const auto id = call.param("id");
    auto reader = database.read();
    if (!reader) return problem_of(reader.error());
    auto job = jobs::find_job(**reader, id, owner);
    if (!job) return job_problem(job.error(), id);
    return std::move(*job);
}

server::Task<Reply> OutputRoutes::Impl::list(Call& call) {
    auto job = find(call, call.principal.visible_owner());
    if (auto* refused = std::get_if<Problem>(&job)) return ready(std::move(*refused));
    return send_list(call, std::move(std::get<jobs::Job>(job)));
}

server::Task<Reply> OutputRoutes::Impl::send_list(Call& call, jobs::Job job) {
    std::size_t limit = 1'000;
    if (const auto asked = call.asked("limit")) {
        limit = 0;
        for (const char c : *asked) {
            if (c < '0' || c > '9' || limit > 10'000)
                co_return problem("invalid_parameter", "limit lies from 1 to 10000");
            limit = limit * 10 + static_cast<std::size_t>(c - '0');
        }
    }
    if (limit < 1 || limit > 10'000) {
        co_return problem("invalid_parameter", "limit lies from 1 to 10000");
    }
    std::vector<OutputFile> files;
    auto listing = on_pool(pool, call.exchange, [&]() -> Status {
        SG_TRY_ASSIGN(files, JobOutputs::of(options.data, job).list(kMaxListed));
        return {};
    });
    auto listed = co_await std::move(listing);
    if (!listed) co_return problem_of(listed.error());
    const auto after = call.asked("cursor").value_or("");
    auto at = std::upper_bound(
        files.begin(), files.end(), after, [](const std::string& path, const OutputFile& file) {
            return path < file.path;
        });
    JsonWriter out;
    out.begin_object().member("job", job.id).key("items").begin_array();
    std::string last;
    for (; at != files.end() && limit > 0; ++at, --limit) {
        last = at->path;
        out.begin_object()
            .member("path", at->path)
            .member("bytes", at->bytes)
            .member("content_type", output_type(at->path))
            .member("url", folder_url(job.id) + percent_encoded(at->path));
        out.key("modified").time(at->modified).end_object();
    }
    out.end_array().key("next_cursor");
    if (at != files.end()) {
        out.value(last);
    } else {
        out.null();
    }
    out.key("deleted").time(job.outputs_deleted);
    out.end_object();
    co_return json_response(200, out.take());
}

bool OutputRoutes::Impl::signed_for(const server::Request& request,
                                    std::string_view job,
                                    const std::string& token) const {
    const auto base = folder_url(job).size();
    std::string_view prefix = request.path;
    // The file itself, or any folder above it that is this job's.
    while (prefix.size() >= base) {
        if (signature.verify(prefix, token, now_s())) return true;
        const auto slash = prefix.substr(0, prefix.size() - 1).rfind('/');
        if (slash == std::string_view::npos) return false;
        prefix = prefix.substr(0, slash + 1);
    }
    return false;
}

server::Task<Reply> OutputRoutes::Impl::download(Call& call) {
    const auto& request = call.request();
    auto token = server::PlaybackSignature::token_of(request.query);
    std::string owner;
    if (!token.empty()) {
        if (!signed_for(request, call.param("id"), token)) {
            return ready(problem("forbidden",
                                 "the signature does not fit this address or has expired; ask for "
                                 "a new one"));
        }
    } else if (call.principal.name.empty()) {
        return ready(problem("unauthenticated",
                             "send an API key or a token as Authorization: Bearer, or use a signed "
                             "address"));
    } else if (!call.principal.scopes.empty() && !call.principal.scopes.contains("outputs")) {
        return ready(problem("forbidden", "these credentials do not have the scope 'outputs'"));
    } else {
        owner = call.principal.visible_owner();
    }
    auto job = find(call, owner);
    if (auto* refused = std::get_if<Problem>(&job)) return ready(std::move(*refused));
    return send_file(call, std::move(std::get<jobs::Job>(job)), std::move(token));
}

server::Task<Reply> OutputRoutes::Impl::send_file(Call& call, jobs::Job job, std::string token) {
    const std::string path(call.param("path"));
    live::Resource resource;
    auto opening = on_pool(pool, call.exchange, [&]() -> Status {
        SG_TRY_ASSIGN(auto file, JobOutputs::of(options.data, job).open(path));
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
    });
    auto opened = co_await std::move(opening);
    if (!opened) {
        if (opened.error().code == Errc::kNotFound) co_return not_found("output", path);
        co_return problem_of(opened.error());
    }
    resource.kind = kind_of(path);
    resource.content_type = output_type(path);
    // Media never changes under its name while the job stands; manifests do until it has ended.
    if (resource.kind == live::ResourceKind::kSegment && jobs::ended(job.state)) {
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

void OutputRoutes::Impl::add_cors(const server::Request& request,
                                  server::Response& response) const {
    const auto origin = request.field("origin");
    if (origin.empty()) return;
    for (const auto& allowed : options.allowed_origins) {
        if (allowed != "*" && allowed != origin) continue;
        response.add("Access-Control-Allow-Origin", allowed);
        response.add("Access-Control-Expose-Headers", "Content-Length, Content-Range, Date, ETag");
        if (allowed != "*") response.add("Vary", "Origin");
        return;
    }
}

server::Task<Reply> OutputRoutes::Impl::preflight(Call& call) {
    server::Response response;
    response.status = 204;
    response.add("Allow", "GET, HEAD, OPTIONS");
    response.add("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS");
    response.add("Access-Control-Allow-Headers", "Range, If-Range, If-None-Match, Cache-Control");
    response.add("Access-Control-Max-Age", "86400");
    add_cors(call.request(), response);
    return ready(std::move(response));
}

server::Task<Reply> OutputRoutes::Impl::sign(Call& call) {
    auto job = find(call, call.principal.visible_owner());
    if (auto* refused = std::get_if<Problem>(&job)) return ready(std::move(*refused));
    auto body = call.request().body.empty()
                    ? std::variant<nlohmann::json, Problem>(nlohmann::json::object())
                    : read_object(call.request().body);
    if (auto* refused = std::get_if<Problem>(&body)) return ready(std::move(*refused));
    FieldReader fields(std::get<nlohmann::json>(body), {"prefix", "expires_in_s"});
    const auto lifetime = fields.integer("expires_in_s", 1, options.longest_signature.count());
    const auto prefix = fields.text("prefix", 1'024).value_or("");
    const auto folder = prefix.ends_with('/') ? prefix.substr(0, prefix.size() - 1) : prefix;
    if (!prefix.empty() && !is_output_path(folder)) {
        fields.fault("invalid_value",
                     "prefix",
                     "prefix is a file, or a folder with a \"/\" at its end, of the outputs: "
                     "\"1080p/\"");
    }
    if (auto refused = fields.refused()) return ready(std::move(*refused));
    const auto expires = now_s() + lifetime.value_or(kDefaultLifetime);
    const auto base = folder_url(call.param("id"));
    const auto token = signature.sign(base + prefix, expires);
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
    return ready(json_response(200, out.take()));
}

server::Task<Reply> OutputRoutes::Impl::remove(Call& call) {
    const std::string id(call.param("id"));
    auto job = std::make_shared<jobs::Job>();
    auto renamed = std::make_shared<std::filesystem::path>();
    auto work = [this, &call, id, job, renamed](sql::Connection& db) -> Status {
        SG_TRY_ASSIGN(*job, jobs::find_job(db, id, call.principal.visible_owner()));
        if (!jobs::ended(job->state)) {
            return Error{Errc::kMismatch,
                         fmt::format("the job is {}: cancel it first, or wait for its end",
                                     jobs::name_of(job->state))};
        }
        SG_TRY(jobs::mark_outputs_deleted(
            db,
            id,
            std::chrono::duration_cast<std::chrono::milliseconds>(clock.wall().time_since_epoch())
                .count()));
        // Within the transaction, so that no retry can begin to write there in between.
        const auto own = jobs::own_output_folder(options.data, id);
        *renamed = own.parent_path() / fmt::format("{}{}", kTrash, id);
        std::error_code error;
        std::filesystem::rename(own, *renamed, error);
        if (error && error != std::errc::no_such_file_or_directory) {
            return errno_error(error.value(), "remove the job's outputs");
        }
        return {};
    };
    auto status = co_await write(call, database, std::move(work));
    if (!status) co_return job_problem(status.error(), id);
    auto deleting = on_pool(pool, call.exchange, [this, job, renamed]() -> Status {
        std::error_code error;
        std::filesystem::remove_all(*renamed, error);
        if (error) return errno_error(error.value(), "remove " + renamed->string());
        if (jobs::output_folder(options.data, *job) ==
            jobs::own_output_folder(options.data, job->id)) {
            return {};
        }
        return jobs::delete_outputs(options.data, *job);
    });
    auto deleted = co_await std::move(deleting);
    if (!deleted) co_return problem_of(deleted.error());
    server::Response response;
    response.status = 204;
    co_return response;
}

/// What an earlier process was killed over.
void OutputRoutes::Impl::empty_trash() const {
    std::error_code error;
    const auto folder = jobs::own_output_folder(options.data, "x").parent_path();
    for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
         at.increment(error)) {
        if (!at->path().filename().string().starts_with(kTrash)) continue;
        std::error_code failed;
        std::filesystem::remove_all(at->path(), failed);
        if (failed) {
            log::warn("outputs_not_removed folder={} reason=\"{}\"",
                      at->path().string(),
                      failed.message());
        }
    }
}

OutputRoutes::OutputRoutes(sql::Database& database, OutputRoutesOptions options, const Clock& clock)
    : impl_(std::make_unique<Impl>(database, std::move(options), clock)) {}

OutputRoutes::~OutputRoutes() = default;

void OutputRoutes::add_to(ApiRouter& router) {
    using Handler = server::Task<Reply> (Impl::*)(Call&);
    const auto add = [&](Operation operation, std::string summary, Handler handler) {
        operation.tag = "outputs";
        operation.summary = std::move(summary);
        operation.handler = [impl = impl_.get(), handler](Call& call) {
            return (impl->*handler)(call);
        };
        router.add(std::move(operation));
    };
    Operation list;
    list.pattern = "/v1/jobs/{id}/outputs";
    list.id = "listOutputs";
    list.response_schema = "OutputList";
    list.query = {{"limit", "at most so many", R"({"type":"integer","minimum":1,"maximum":10000})"},
                  {"cursor", "next_cursor of the page before"}};
    add(std::move(list), "The files that a job has published", &Impl::list);

    Operation remove;
    remove.method = Method::kDelete;
    remove.pattern = "/v1/jobs/{id}/outputs";
    remove.id = "deleteOutputs";
    remove.success = 204;
    remove.least = Role::kSubmitter;
    remove.audited = true;
    add(std::move(remove), "Delete what a job has published", &Impl::remove);

    Operation sign;
    sign.method = Method::kPost;
    sign.pattern = "/v1/jobs/{id}/outputs/sign";
    sign.id = "signOutputs";
    sign.least = Role::kSubmitter;
    sign.max_body_bytes = 4'096;
    sign.request_schema = "OutputSign";
    sign.body_optional = true;
    sign.response_schema = "SignedOutputs";
    sign.audited = true;
    add(std::move(sign), "Make an address of outputs for viewers without credentials", &Impl::sign);

    Operation download;
    download.pattern = "/v1/jobs/{id}/outputs/{path...}";
    download.id = "downloadOutput";
    download.open = true;
    download.streams = true;
    download.query = {{"exp", "of a signed address"}, {"sig", "of a signed address"}};
    add(download, "An output file, whole or a range of it", &Impl::download);

    Operation preflight = download;
    preflight.method = Method::kOptions;
    preflight.id = "preflightOutput";
    preflight.success = 204;
    add(std::move(preflight), "Which pages may read outputs", &Impl::preflight);
}

}  // namespace sg::api
