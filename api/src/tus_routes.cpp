#include <utility>

#include <fmt/format.h>
#include <server/http_message.hpp>

#include <base/ids.hpp>

#include "on_pool.hpp"
#include "ready.hpp"
#include "upload_service.hpp"

// The resumable upload protocol 1.0.0 (https://tus.io/protocols/resumable-upload).

namespace sg::api {
namespace {

using server::BodyPart;
using server::Method;

constexpr std::string_view kBytesType = "application/offset+octet-stream";
constexpr std::string_view kExtensions =
    "creation,creation-with-upload,creation-defer-length,checksum,expiration,termination";

class TusRoutes {
  public:
    explicit TusRoutes(Uploads::Impl& service) : service_(service) {}

    server::Task<Reply> discover(Call& call);
    server::Task<Reply> create(Call& call);
    server::Task<Reply> head(Call& call);
    server::Task<Reply> patch(Call& call);

  private:
    [[nodiscard]] std::optional<Problem> read_creation(const Call& call, Upload& into) const;
    [[nodiscard]] server::Task<Reply> store_new(Call& call, Upload fresh, bool with_body);
    [[nodiscard]] std::optional<Problem> check_patch(const Call& call, Upload& found) const;
    /// Of an upload whose place is held: adds the body to it.
    [[nodiscard]] server::Task<Reply> add_body(Call& call,
                                               Upload upload,
                                               std::unique_ptr<Uploads::Impl::Hold> held,
                                               server::Response answer);
    [[nodiscard]] server::Task<std::optional<Problem>> add_bytes(Call& call,
                                                                 Upload& upload,
                                                                 std::uint64_t& offset);

    Uploads::Impl& service_;
};

/// Each answer of the protocol carries its version, problems too.
Reply with_version(const Call& call, Reply reply) {
    if (const auto* refused = std::get_if<Problem>(&reply)) {
        reply = to_response(*refused, call.request_id);
    }
    auto& response = std::get<server::Response>(reply);
    response.add("Tus-Resumable", kTusVersion);
    return reply;
}

server::Task<Reply> refuse(const Call& call, Problem refused) {
    return ready(with_version(call, std::move(refused)));
}

std::optional<Problem> check_version(const server::Request& request) {
    if (request.field("tus-resumable") == kTusVersion) return std::nullopt;
    return problem("precondition_failed",
                   "the tus protocol is spoken here in version 1.0.0: send Tus-Resumable: 1.0.0");
}

Problem missing_upload(const Error& error, std::string_view id) {
    return error.code == Errc::kNotFound ? not_found("upload", id) : problem_of(error);
}

}  // namespace

server::Task<Reply> TusRoutes::discover(Call&) {
    server::Response response;
    response.status = 204;
    response.add("Tus-Resumable", kTusVersion);
    response.add("Tus-Version", kTusVersion);
    response.add("Tus-Extension", kExtensions);
    response.add("Tus-Checksum-Algorithm", kTusAlgorithms);
    response.add("Tus-Max-Size", std::to_string(service_.options.max_bytes));
    return ready(std::move(response));
}

std::optional<Problem> TusRoutes::read_creation(const Call& call, Upload& into) const {
    const auto& request = call.request();
    if (auto refused = check_version(request)) return refused;
    const auto length = request.field("upload-length");
    const auto deferred = request.field("upload-defer-length");
    if (length.empty() == deferred.empty() || (!deferred.empty() && deferred != "1")) {
        return problem("invalid_parameter",
                       "send Upload-Length with the file's size, or Upload-Defer-Length: 1");
    }
    if (!length.empty()) {
        const auto size = parse_tus_number(length);
        if (!size) {
            return problem("invalid_parameter", "Upload-Length is a number of bytes, from 0");
        }
        if (*size > service_.options.max_bytes) {
            return problem("body_too_large",
                           fmt::format("an upload may have {} bytes", service_.options.max_bytes));
        }
        into.size = static_cast<std::int64_t>(*size);
    }
    into.metadata = request.field("upload-metadata");
    const auto metadata = parse_tus_metadata(into.metadata);
    if (!metadata) {
        return problem("invalid_parameter",
                       "Upload-Metadata is a list of names with values in base64: \"filename "
                       "ZmlsbS5tb3Y=,filetype dmlkZW8=\", of at most 4096 bytes and 32 entries");
    }
    const auto value = [&](std::string_view name) {
        const auto found = metadata->find(name);
        return found == metadata->end() ? std::string() : found->second;
    };
    into.name = plain_file_name(metadata->contains("filename") ? value("filename") : value("name"));
    into.content_type = plain_file_name(value("filetype")).empty() ? "" : value("filetype");
    if (metadata->contains("sha256")) {
        const auto digest = parse_sha256_hex(value("sha256"));
        if (!digest) {
            return problem("invalid_parameter", "sha256 in Upload-Metadata is 64 hex digits");
        }
        into.sha256 = *digest;
    }
    return std::nullopt;
}

server::Task<Reply> TusRoutes::create(Call& call) {
    Upload fresh;
    if (auto refused = read_creation(call, fresh)) return refuse(call, std::move(*refused));
    const auto type = call.request().field("content-type");
    const bool has_body = call.exchange.body_length().value_or(1) > 0;
    if (has_body && type != kBytesType) {
        return refuse(call,
                      problem("unsupported_media_type",
                              fmt::format("bytes that come with the creation are {}", kBytesType)));
    }
    fresh.id = make_id("upl", service_.clock);
    fresh.owner = call.principal.owner;
    fresh.created = service_.now();
    return store_new(call, std::move(fresh), has_body);
}

server::Task<Reply> TusRoutes::store_new(Call& call, Upload fresh, bool with_body) {
    call.audit.subject = fresh.id;
    auto work = [this, &fresh](sql::Connection& db) -> Status {
        SG_TRY(service_.admit(db, fresh));
        return insert_upload(db, fresh);
    };
    auto status = co_await write(call, service_.database, std::move(work));
    if (!status) {
        const bool limit = status.error().code == Errc::kLimit;
        co_return with_version(
            call,
            limit ? problem("quota_exceeded", status.error().message) : problem_of(status.error()));
    }
    server::Response answer;
    answer.status = 201;
    answer.add("Location", "/v1/uploads/" + fresh.id);
    auto held = service_.hold(fresh.id, &call.exchange);
    if (!with_body && fresh.size != 0) {
        answer.add("Upload-Offset", "0");
        answer.add("Upload-Expires", server::http_date(service_.expires(fresh) / 1000));
        co_return with_version(call, std::move(answer));
    }
    auto adding = add_body(call, std::move(fresh), std::move(held), std::move(answer));
    auto reply = co_await std::move(adding);
    co_return std::move(reply);
}

server::Task<Reply> TusRoutes::head(Call& call) {
    if (auto refused = check_version(call.request())) return refuse(call, std::move(*refused));
    const std::string id(call.param("upload"));
    auto reader = service_.database.read();
    if (!reader) return refuse(call, problem_of(reader.error()));
    const auto found = find_upload(**reader, id, call.principal.visible_owner());
    if (!found) return refuse(call, missing_upload(found.error(), id));
    auto offset = static_cast<std::uint64_t>(std::max<std::int64_t>(found->size, 0));
    if (!found->whole) {
        const auto stored = stored_bytes(service_.options.folder, id);
        if (!stored) return refuse(call, storage_problem(stored.error()));
        offset = *stored;
    }
    server::Response answer;
    answer.status = 200;
    answer.add("Cache-Control", "no-store");
    answer.add("Upload-Offset", std::to_string(offset));
    if (found->size == kUnknownSize) {
        answer.add("Upload-Defer-Length", "1");
    } else {
        answer.add("Upload-Length", std::to_string(found->size));
    }
    if (!found->metadata.empty()) answer.add("Upload-Metadata", found->metadata);
    if (!found->whole) {
        answer.add("Upload-Expires", server::http_date(service_.expires(*found) / 1000));
    }
    return ready(with_version(call, std::move(answer)));
}

std::optional<Problem> TusRoutes::check_patch(const Call& call, Upload& found) const {
    const auto& request = call.request();
    if (auto refused = check_version(request)) return refused;
    if (request.field("content-type") != kBytesType) {
        return problem("unsupported_media_type",
                       fmt::format("the bytes of an upload come as {}", kBytesType));
    }
    if (!parse_tus_number(request.field("upload-offset"))) {
        return problem("invalid_parameter",
                       "Upload-Offset is the number of bytes that are there, from 0");
    }
    const auto checksum = request.field("upload-checksum");
    if (!checksum.empty() && !parse_tus_checksum(checksum)) {
        return problem("invalid_parameter",
                       "Upload-Checksum is \"sha1\" or \"sha256\", a space, and the digest in "
                       "base64");
    }
    const std::string id(call.param("upload"));
    auto reader = service_.database.read();
    if (!reader) return problem_of(reader.error());
    auto row = find_upload(**reader, id, call.principal.visible_owner());
    if (!row) return missing_upload(row.error(), id);
    found = std::move(*row);
    if (found.kind != "tus") {
        return problem("conflict", "the upload is being sent by PUT and cannot be added to");
    }
    if (found.whole) return problem("conflict", "the upload is whole already");
    if (service_.expires(found) < service_.now()) {
        return problem("gone", "the upload has expired; begin a new one");
    }
    if (const auto length = request.field("upload-length"); !length.empty()) {
        const auto size = parse_tus_number(length);
        if (!size || *size > service_.options.max_bytes) {
            return problem("invalid_parameter",
                           fmt::format("Upload-Length is a number of bytes, at most {}",
                                       service_.options.max_bytes));
        }
        const auto given = static_cast<std::int64_t>(*size);
        if (found.size != kUnknownSize && found.size != given) {
            return problem("conflict", "the upload's length is known and another one");
        }
    }
    return std::nullopt;
}

server::Task<Reply> TusRoutes::patch(Call& call) {
    Upload upload;
    if (auto refused = check_patch(call, upload)) return refuse(call, std::move(*refused));
    auto held = service_.hold(upload.id, &call.exchange);
    if (!held) {
        auto refused = problem("locked",
                               "another request adds to this upload; it is being cut off, send "
                               "this again in a moment");
        refused.retry_after = std::chrono::seconds(1);
        return refuse(call, std::move(refused));
    }
    server::Response answer;
    answer.status = 204;
    return add_body(call, std::move(upload), std::move(held), std::move(answer));
}

server::Task<Reply> TusRoutes::add_body(Call& call,
                                        Upload upload,
                                        std::unique_ptr<Uploads::Impl::Hold> held,
                                        server::Response answer) {
    std::uint64_t offset = 0;
    auto adding = add_bytes(call, upload, offset);
    auto refused = co_await std::move(adding);
    if (refused) co_return with_version(call, std::move(*refused));
    if (call.exchange.lost()) co_return std::monostate{};
    answer.add("Upload-Offset", std::to_string(offset));
    if (static_cast<std::int64_t>(offset) != upload.size) {
        answer.add("Upload-Expires", server::http_date(service_.expires(upload) / 1000));
    }
    held.reset();
    co_return with_version(call, std::move(answer));
}

server::Task<std::optional<Problem>> TusRoutes::add_bytes(Call& call,
                                                          Upload& upload,
                                                          std::uint64_t& offset) {
    const auto& request = call.request();
    const auto length = parse_tus_number(request.field("upload-length"));
    if (upload.size == kUnknownSize && length && request.method == Method::kPatch) {
        const auto size = static_cast<std::int64_t>(*length);
        auto work = [id = upload.id, size](sql::Connection& db) {
            return set_upload_size(db, id, size);
        };
        auto status = co_await write(call, service_.database, std::move(work));
        if (!status) co_return problem_of(status.error());
        upload.size = size;
    }
    std::unique_ptr<UploadFile> file;
    auto opening = on_pool(service_.pool, call.exchange, [&]() -> Status {
        auto opened = UploadFile::open(service_.options.folder,
                                       upload.id,
                                       parse_tus_checksum(request.field("upload-checksum")));
        if (!opened) return opened.error();
        file = std::move(*opened);
        return {};
    });
    auto opened = co_await std::move(opening);
    if (!opened) co_return storage_problem(opened.error());
    offset = file->offset();
    const auto most = service_.most_of(upload);
    const bool patch = request.method == Method::kPatch;
    if (patch && parse_tus_number(request.field("upload-offset")) != offset) {
        co_return problem("conflict",
                          fmt::format("the upload has {} bytes: go on from there", offset));
    }
    if (offset > most) {
        co_return problem(
            "conflict",
            fmt::format("the upload has {} bytes, which is more than {}", offset, most));
    }
    auto receiving = service_.receive(call.exchange, *file, most - offset);
    auto received = co_await std::move(receiving);
    offset = file->offset();
    if (!received.written) co_return storage_problem(received.written.error());
    if (received.state == BodyPart::State::kLost) co_return std::nullopt;
    if (received.state != BodyPart::State::kEnd) co_return body_problem(received.state);
    file.reset();
    if (static_cast<std::int64_t>(offset) != upload.size) co_return std::nullopt;
    auto finishing =
        on_pool(service_.pool, call.exchange, [&] { return service_.finish(upload, offset); });
    auto finished = co_await std::move(finishing);
    if (!finished) co_return storage_problem(finished.error());
    co_return std::nullopt;
}

void add_tus_routes(Uploads::Impl& impl, ApiRouter& router) {
    auto routes = std::make_shared<TusRoutes>(impl);
    using Handler = server::Task<Reply> (TusRoutes::*)(Call&);
    const std::string at = "/v1/uploads/{upload}";
    const QueryParam version{"Tus-Resumable", "1.0.0"};
    const QueryParam length{"Upload-Length", "bytes of the whole file"};
    const auto add = [&](Method method,
                         const std::string& pattern,
                         std::string id,
                         std::string summary,
                         Handler handler,
                         std::vector<QueryParam> headers) {
        Operation operation;
        operation.method = method;
        operation.pattern = pattern;
        operation.id = std::move(id);
        operation.tag = "uploads";
        operation.summary = std::move(summary);
        operation.success = method == Method::kPost ? 201 : method == Method::kHead ? 200 : 204;
        operation.headers = std::move(headers);
        operation.streams = true;
        operation.open = method == Method::kOptions;
        operation.least = method == Method::kHead ? Role::kViewer : Role::kSubmitter;
        operation.audited = method == Method::kPost;
        operation.handler = [routes, handler](Call& call) { return ((*routes).*handler)(call); };
        router.add(std::move(operation));
    };
    const std::string offers = "What the tus protocol offers here";
    add(Method::kOptions, "/v1/uploads", "discoverUploads", offers, &TusRoutes::discover, {});
    add(Method::kOptions, at, "discoverUpload", offers, &TusRoutes::discover, {});
    add(Method::kPost,
        "/v1/uploads",
        "createUpload",
        "Begin an upload in pieces (tus 1.0)",
        &TusRoutes::create,
        {version,
         length,
         {"Upload-Defer-Length", "1: the length follows with a later piece"},
         {"Upload-Metadata", "filename, filetype and sha256, each with its value in base64"}});
    add(Method::kHead,
        at,
        "getUploadOffset",
        "How much of an upload is there (tus 1.0)",
        &TusRoutes::head,
        {version});
    add(Method::kPatch,
        at,
        "addToUpload",
        "Add bytes to an upload (tus 1.0)",
        &TusRoutes::patch,
        {version,
         length,
         {"Upload-Offset", "bytes that are there already"},
         {"Upload-Checksum", "sha1 or sha256, a space, and the piece's digest in base64"}});
}

}  // namespace sg::api
