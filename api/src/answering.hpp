#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <server/exchange.hpp>

namespace sg::api {

/// The exchange that handlers get: what every answer of the API carries is in theirs, too.
class Answering final : public server::Exchange {
  public:
    explicit Answering(server::Exchange& inner) : inner_(inner) {}

    /// A field of every answer from now on.
    void add(std::string_view name, std::string_view value) { common_.add(name, value); }
    /// The last limit that was looked at is told.
    void set_limit(std::string policy, std::string state) {
        policy_ = std::move(policy);
        limit_ = std::move(state);
    }

    [[nodiscard]] const server::Request& request() const noexcept override {
        return inner_.request();
    }
    [[nodiscard]] std::size_t context_index() const noexcept override {
        return inner_.context_index();
    }
    [[nodiscard]] boost::asio::io_context& context() noexcept override { return inner_.context(); }
    [[nodiscard]] std::optional<std::uint64_t> body_length() const noexcept override {
        return inner_.body_length();
    }
    [[nodiscard]] server::Task<server::BodyPart> read_body(std::uint64_t max_bytes) override {
        return inner_.read_body(max_bytes);
    }
    [[nodiscard]] server::Task<server::BodyPart::State> buffer_body(
        std::uint64_t max_bytes) override {
        return inner_.buffer_body(max_bytes);
    }
    [[nodiscard]] server::Task<> upgrade(server::Response head) override {
        return inner_.upgrade(with_common(std::move(head)));
    }
    [[nodiscard]] std::string_view received() override { return inner_.received(); }
    [[nodiscard]] server::Task<> send(server::Response response) override {
        return inner_.send(with_common(std::move(response)));
    }
    [[nodiscard]] server::Task<> begin(server::Response head) override {
        return inner_.begin(with_common(std::move(head)));
    }
    [[nodiscard]] server::Task<> write(std::vector<server::BodyPiece> pieces) override {
        return inner_.write(std::move(pieces));
    }
    [[nodiscard]] server::Task<> finish() override { return inner_.finish(); }
    void abort() noexcept override { inner_.abort(); }
    [[nodiscard]] bool lost() const noexcept override { return inner_.lost(); }
    [[nodiscard]] std::uint64_t body_bytes_sent() const noexcept override {
        return inner_.body_bytes_sent();
    }
    [[nodiscard]] int status() const noexcept override { return inner_.status(); }
    [[nodiscard]] server::Task<server::WaitOutcome> wait(server::WaitList& list,
                                                         std::chrono::milliseconds limit) override {
        return inner_.wait(list, limit);
    }

  private:
    [[nodiscard]] server::Response with_common(server::Response response) const {
        response.fields += common_.fields;
        if (!policy_.empty()) {
            response.add("RateLimit-Policy", policy_);
            response.add("RateLimit", limit_);
        }
        return response;
    }

    server::Exchange& inner_;
    server::Response common_;
    std::string policy_;
    std::string limit_;
};

}  // namespace sg::api
