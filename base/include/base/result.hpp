#pragma once

#include <cassert>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

namespace sg {

/// What went wrong, for decisions in code. The message is for people.
enum class Errc {
    kInvalidArgument,  ///< the caller asked for something that cannot be (usage, preset, job
                       ///< document)
    kUnsupported,      ///< understood, but not something we or our libraries can do
    kNotFound,
    kPermission,
    kIo,           ///< reading or writing failed
    kNoSpace,      ///< the disk is full
    kBadData,      ///< the input's bytes break its format's rules
    kEndOfStream,  ///< nothing more will come; not a failure
    kAgain,        ///< needs more input first; not a failure
    kTimeout,
    kCancelled,
    kLimit,     ///< a configured bound was reached
    kMismatch,  ///< two things that must be equal are not (digest, frame count, parameter sets)
    kCrashed,   ///< a child process ended without a result
    kInternal,  ///< a promise of our own code was broken
};

/// Stable lower-case name of a code, as it appears in events and JSON ("bad_data").
[[nodiscard]] const char* errc_name(Errc code) noexcept;

struct Error {
    Errc code = Errc::kInternal;
    /// What was attempted, on what, why it failed and what to do about it; never a secret.
    std::string message;

    /// The same error with "context: " before its message.
    [[nodiscard]] Error within(const std::string& context) const {
        return Error{code, context + ": " + message};
    }
};

/// A value or an Error, with the member names of std::expected (which gcc 12 has only in C++23).
template <class T>
class [[nodiscard]] Result {
  public:
    using value_type = T;

    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT implicit
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT implicit

    [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }

    [[nodiscard]] T& value() & {
        assert(has_value());
        return *std::get_if<0>(&state_);
    }
    [[nodiscard]] const T& value() const& {
        assert(has_value());
        return *std::get_if<0>(&state_);
    }
    [[nodiscard]] T&& value() && {
        assert(has_value());
        return std::move(*std::get_if<0>(&state_));
    }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(*this).value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }

    [[nodiscard]] const Error& error() const& {
        assert(!has_value());
        return *std::get_if<1>(&state_);
    }
    [[nodiscard]] Error&& error() && {
        assert(!has_value());
        return std::move(*std::get_if<1>(&state_));
    }
    [[nodiscard]] T value_or(T fallback) && {
        return has_value() ? std::move(*this).value() : std::move(fallback);
    }

  private:
    std::variant<T, Error> state_;
};

/// Success, or an Error.
template <>
class [[nodiscard]] Result<void> {
  public:
    using value_type = void;

    Result() = default;
    Result(Error error) : error_(std::move(error)), ok_(false) {}  // NOLINT implicit

    [[nodiscard]] bool has_value() const noexcept { return ok_; }
    explicit operator bool() const noexcept { return ok_; }
    [[nodiscard]] const Error& error() const& {
        assert(!ok_);
        return error_;
    }
    [[nodiscard]] Error&& error() && {
        assert(!ok_);
        return std::move(error_);
    }

  private:
    Error error_;
    bool ok_ = true;
};

using Status = Result<void>;

#define SG_CONCAT_INNER(a, b) a##b
#define SG_CONCAT(a, b) SG_CONCAT_INNER(a, b)

/// Returns the error of a Status or Result expression from the enclosing function.
#define SG_TRY(expr)                                         \
    do {                                                     \
        auto sg_status = (expr);                             \
        if (!sg_status) return std::move(sg_status).error(); \
    } while (false)

/// SG_TRY_ASSIGN(auto x, f()): declares or assigns x, or returns the error.
#define SG_TRY_ASSIGN(lhs, expr) SG_TRY_ASSIGN_INNER(SG_CONCAT(sg_result_, __LINE__), lhs, expr)
#define SG_TRY_ASSIGN_INNER(name, lhs, expr)   \
    auto name = (expr);                        \
    if (!name) return std::move(name).error(); \
    lhs = std::move(name).value()

}  // namespace sg
