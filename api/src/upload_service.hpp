#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

#include <api/uploads.hpp>
#include <boost/asio/thread_pool.hpp>

#include "upload_file.hpp"
#include "upload_table.hpp"

namespace sg::api {

struct Uploads::Impl {
    Impl(sql::Database& store, UploadOptions settings, const Clock& time, Metrics& metrics);
    ~Impl();

    sql::Database& database;
    const UploadOptions options;
    const Clock& clock;
    boost::asio::thread_pool pool;
    Counter received_bytes;
    Counter finished;
    Counter expired;

    [[nodiscard]] Status start();
    [[nodiscard]] Millis now() const;

    /// Whoever has it may change the upload's file.
    class Hold {
      public:
        Hold(Impl& impl, std::string id) : impl_(impl), id_(std::move(id)) {}
        ~Hold();
        Hold(const Hold&) = delete;
        Hold& operator=(const Hold&) = delete;

      private:
        Impl& impl_;
        std::string id_;
    };
    /// Null while another request has it. That one is cut off: as a rule its client has lost it
    /// without our knowing, and comes again. `exchange` null: not a request's.
    [[nodiscard]] std::unique_ptr<Hold> hold(const std::string& id, server::Exchange* exchange);

    /// Puts the rest of the body at the file's end. kBytes never comes.
    struct Received {
        server::BodyPart::State state = server::BodyPart::State::kEnd;
        Status written;
    };
    [[nodiscard]] server::Task<Received> receive(server::Exchange& exchange,
                                                 UploadFile& file,
                                                 std::uint64_t max_bytes);
    /// The file has all its bytes: checks its digest if one was given, then it is whole. kMismatch:
    /// it was removed. Blocks.
    [[nodiscard]] Status finish(const Upload& upload, std::uint64_t bytes);
    /// Row, then file. Blocks.
    [[nodiscard]] Status remove(const std::string& id);
    /// Of one that was admitted: limits of the owner are held. kLimit.
    [[nodiscard]] Status admit(sql::Connection& db, const Upload& upload) const;
    /// Bytes it may have.
    [[nodiscard]] std::uint64_t most_of(const Upload& upload) const;
    /// Whether a job that has not ended names it. Blocks.
    [[nodiscard]] Result<bool> needed(const Upload& upload) const;
    /// When an open one is removed if nothing comes.
    [[nodiscard]] Millis expires(const Upload& upload) const;

  private:
    struct Session {
        boost::asio::io_context* context = nullptr;
        server::Exchange* exchange = nullptr;  ///< only on its context; null when it is over
    };
    [[nodiscard]] Status recover();
    [[nodiscard]] Status remove_strangers() const;
    void sweep_all(const std::stop_token& stop);
    void sweep();

    std::mutex mutex_;
    std::condition_variable_any wake_;
    std::map<std::string, std::shared_ptr<Session>> busy_;
    std::jthread sweeper_;
};

/// Routes of the tus protocol, and of plain ones.
void add_tus_routes(Uploads::Impl& impl, ApiRouter& router);
void add_plain_upload_routes(Uploads::Impl& impl, ApiRouter& router);

/// What a failed body means to its client.
[[nodiscard]] Problem body_problem(server::BodyPart::State state);
/// Of files: kNoSpace and kLimit are told, paths are not.
[[nodiscard]] Problem storage_problem(const Error& error);

}  // namespace sg::api
