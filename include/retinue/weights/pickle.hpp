// SPDX-License-Identifier: Apache-2.0
// Reads a Python pickle without executing anything: what it would call is recorded, never called.
//
//   stream      opcodes of protocols 1 to 5, as Python's pickler writes them for PyTorch
//               (protocol 0 cannot name a storage, so PyTorch never writes it)
//   global      only those that the caller admits; any other is refused by its name
//   call        a callable and its arguments; OrderedDict alone becomes what it would have made
//
// Memory: every opcode makes at most one value and one reference, so it is bounded by the stream's
// length; a stream may hold 2 million values (a tensor of a checkpoint takes about 20).
#pragma once

#include <retinue/detail/file.hpp>              // byte_view, in_quotes
#include <retinue/weights/pickle_document.hpp>  // value, document

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retinue::pickle {

/// Reads one pickle. `load` throws an error that begins with `source` and names the byte.
class reader {
 public:
  /// `admitted` and `bytes` must outlive the documents.
  reader(std::string source, detail::byte_view bytes, std::span<const admitted_global> admitted)
      : source_(std::move(source)), bytes_(bytes), admitted_(admitted)
  {
  }

  [[nodiscard]] document load(std::size_t at)
  {
    document_ = {};
    stack_.clear();
    marks_.clear();
    memo_.clear();
    copied_ = 0;
    begin_ = next_ = at;
    for (;;) {
      op_ = next_;
      const auto opcode = byte();
      if (opcode == '.') break;
      execute(opcode);
    }
    if (stack_.size() != 1 || !marks_.empty()) refuse("it ends with unfinished values");
    document_.root = stack_.front();
    document_.end = next_;
    return std::move(document_);
  }

 private:
  static constexpr std::size_t most_values = 2'000'000;
  static constexpr reference unset = UINT32_MAX;

  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const
  {
    fail(source_, ": the pickle cannot be read at byte ", op_, ": ", parts...);
  }

  // The stream.

  [[nodiscard]] detail::byte_view take(std::uint64_t size)
  {
    if (size > bytes_.size() - next_)
      refuse("it needs ", size, " bytes where ", bytes_.size() - next_,
             " are left; the file is damaged or cut short");
    const auto taken = bytes_.subspan(next_, static_cast<std::size_t>(size));
    next_ += taken.size();
    return taken;
  }

  [[nodiscard]] unsigned char byte() { return static_cast<unsigned char>(take(1)[0]); }

  template <class T>
  [[nodiscard]] T number()
  {
    return detail::little_endian<T>(take(sizeof(T)), 0);
  }

  template <class Length>
  [[nodiscard]] std::string_view counted()
  {
    return detail::characters(take(number<Length>()));
  }

  [[nodiscard]] std::string_view line()
  {
    const auto rest = detail::characters(bytes_.subspan(next_));
    const auto length = rest.find('\n');
    if (length == rest.npos) refuse("a line has no end; the file is damaged or cut short");
    next_ += length + 1;
    return rest.substr(0, length);
  }

  // The stack. Nothing reaches below the last mark.

  [[nodiscard]] std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

  [[nodiscard]] reference top() const
  {
    if (stack_.size() <= floor()) refuse("it takes a value from an empty stack");
    return stack_.back();
  }

  reference pop()
  {
    const reference taken = top();
    stack_.pop_back();
    return taken;
  }

  /// All above the last mark, which goes too.
  [[nodiscard]] std::vector<reference> pop_to_mark()
  {
    if (marks_.empty()) refuse("it looks for a mark where there is none");
    const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<reference> taken(first, stack_.end());
    stack_.erase(first, stack_.end());
    marks_.pop_back();
    return taken;
  }

  [[nodiscard]] std::vector<reference> pop_count(std::size_t count)
  {
    std::vector<reference> taken(count);
    for (std::size_t i = count; i > 0; --i) taken[i - 1] = pop();
    return taken;
  }

  void push(value made)
  {
    if (document_.values.size() == most_values) refuse("it holds more than 2 million values");
    stack_.push_back(static_cast<reference>(document_.values.size()));
    document_.values.push_back(std::move(made));
  }

  void push(kind what, std::vector<reference> items) { push({what, 0, {}, std::move(items)}); }
  void push(kind what, std::string_view text) { push({what, 0, text, {}}); }
  void push(kind what, std::int64_t number) { push({what, number, {}, {}}); }

  /// The container that an opcode fills: it lies on the stack, under what was just popped.
  [[nodiscard]] value& container(kind what)
  {
    value& found = document_.values[top()];
    if (found.what != what)
      refuse("it adds to ", name_of(found.what), " as if that were ", name_of(what));
    return found;
  }

  void add(kind what, const std::vector<reference>& items)
  {
    if (what == kind::dict && items.size() % 2 != 0) refuse("a dictionary's last key has no value");
    auto& filled = container(what).items;
    filled.insert(filled.end(), items.begin(), items.end());
  }

  // The memo: Python numbers it upwards, so no number passes the bytes read so far.

  void remember(std::uint64_t number)
  {
    if (number > next_ - begin_)
      refuse("it numbers a memo entry ", number, ", which is out of order");
    const auto place = static_cast<std::size_t>(number);
    if (place >= memo_.size()) memo_.resize(place + 1, unset);
    memo_[place] = top();
  }

  void recall(std::uint64_t number)
  {
    const auto place = static_cast<std::size_t>(std::min<std::uint64_t>(number, memo_.size()));
    if (place == memo_.size() || memo_[place] == unset)
      refuse("it recalls the memo entry ", number, ", which it never made");
    stack_.push_back(memo_[place]);
  }

  // Numbers.

  void push_digits(std::string_view digits)
  {
    if (digits == "00" || digits == "01") return push(kind::boolean, digits[1] - '0');
    std::int64_t parsed = 0;
    const auto [end, trouble] =
        std::from_chars(digits.data(), digits.data() + digits.size(), parsed);
    if (trouble == std::errc::result_out_of_range) return push(kind::large, digits);
    if (trouble != std::errc() || end != digits.data() + digits.size())
      refuse(detail::in_quotes(digits), " is not a number");
    push(kind::integer, parsed);
  }

  void push_long(std::string_view bytes)
  {
    if (bytes.size() > 8) return push(kind::large, bytes);
    std::uint64_t bits = !bytes.empty() && (bytes.back() & 0x80) ? ~std::uint64_t{0} : 0;
    for (std::size_t i = bytes.size(); i > 0; --i)
      bits = (bits << 8) | static_cast<unsigned char>(bytes[i - 1]);
    push(kind::integer, static_cast<std::int64_t>(bits));
  }

  void push_double()
  {
    std::uint64_t bits = 0;
    for (const std::byte b : take(8)) bits = (bits << 8) | std::to_integer<std::uint64_t>(b);
    push(kind::real, static_cast<std::int64_t>(bits));
  }

  // Globals and calls.

  void push_global(std::string_view module, std::string_view name)
  {
    for (std::size_t i = 0; i < admitted_.size(); ++i)
      if (admitted_[i].module == module && admitted_[i].name == name)
        return push({kind::global, static_cast<std::int64_t>(i), name, {}});
    const std::string full = std::string(module) + "." + std::string(name);
    refuse("it names the Python object ", detail::in_quotes(full),
           ", which plain weights do not need; only tensors, dictionaries, lists, numbers and "
           "strings are read (save model.state_dict(), not the model)");
  }

  void push_stack_global()
  {
    const value& name = document_.values[pop()];
    const value& module = document_.values[pop()];
    if (name.what != kind::text || module.what != kind::text)
      refuse("the name of a Python object is not a string");
    push_global(module.text, name.text);
  }

  void push_call()
  {
    const reference arguments = pop(), callable = pop();
    const value& called = document_.values[callable];
    if (called.what != kind::global || document_.values[arguments].what != kind::tuple)
      refuse("it calls ", name_of(called.what), " with ",
             name_of(document_.values[arguments].what));
    if (called.text == "OrderedDict") return push(kind::dict, pairs(document_.values[arguments]));
    push(kind::call, std::vector{callable, arguments});
  }

  /// What OrderedDict() and Python 2's OrderedDict([[key, value], ...]) hold.
  [[nodiscard]] std::vector<reference> pairs(const value& arguments)
  {
    std::vector<reference> items;
    if (arguments.items.empty()) return items;
    const value& list = document_.values[arguments.items[0]];
    if (arguments.items.size() != 1 || list.what != kind::list)
      refuse("an OrderedDict is made of something other than one list");
    copied_ += list.items.size();
    if (copied_ > bytes_.size()) refuse("it copies more entries than the file has bytes");
    for (const reference pair : list.items) {
      const value& p = document_.values[pair];
      if ((p.what != kind::list && p.what != kind::tuple) || p.items.size() != 2)
        refuse("an entry of an OrderedDict is not a pair");
      items.insert(items.end(), p.items.begin(), p.items.end());
    }
    return items;
  }

  // clang-format off
  void execute(unsigned char opcode)
  {
    switch (opcode) {
      case 0x80:  // PROTO
        if (const auto protocol = byte(); protocol > 5)
          refuse("it is of protocol ", int{protocol}, ", and 5 is the last one known");
        return;
      case 0x95:  // FRAME: its length says nothing that the opcodes do not say
        if (number<std::uint64_t>() > bytes_.size() - next_)
          refuse("a frame reaches past the end; the file is damaged or cut short");
        return;

      case 'N': return push({});                                          // NONE
      case 0x88: return push(kind::boolean, 1);                           // NEWTRUE
      case 0x89: return push(kind::boolean, 0);                           // NEWFALSE
      case 'J': return push(kind::integer, number<std::int32_t>());       // BININT
      case 'K': return push(kind::integer, number<std::uint8_t>());       // BININT1
      case 'M': return push(kind::integer, number<std::uint16_t>());      // BININT2
      case 'I': return push_digits(line());                               // INT
      case 0x8a: return push_long(counted<std::uint8_t>());               // LONG1
      case 0x8b: return push_long(counted<std::uint32_t>());              // LONG4
      case 'G': return push_double();                                     // BINFLOAT
      case 'U': return push(kind::text, counted<std::uint8_t>());         // SHORT_BINSTRING
      case 'T': return push(kind::text, counted<std::uint32_t>());        // BINSTRING
      case 0x8c: return push(kind::text, counted<std::uint8_t>());        // SHORT_BINUNICODE
      case 'X': return push(kind::text, counted<std::uint32_t>());        // BINUNICODE
      case 0x8d: return push(kind::text, counted<std::uint64_t>());       // BINUNICODE8
      case 'C': return push(kind::bytes, counted<std::uint8_t>());        // SHORT_BINBYTES
      case 'B': return push(kind::bytes, counted<std::uint32_t>());       // BINBYTES
      case 0x8e: case 0x96: return push(kind::bytes, counted<std::uint64_t>());  // BINBYTES8, BYTEARRAY8
      case 'L': {                                                                 // LONG
        const auto digits = line();
        return push_digits(digits.substr(0, digits.size() - digits.ends_with('L')));
      }

      case '(': return marks_.push_back(stack_.size());                   // MARK
      case ')': return push(kind::tuple, std::vector<reference>{});       // EMPTY_TUPLE
      case 0x85: case 0x86: case 0x87: return push(kind::tuple, pop_count(opcode - 0x84u));  // TUPLE1-3
      case 't': return push(kind::tuple, pop_to_mark());                  // TUPLE
      case ']': return push(kind::list, std::vector<reference>{});        // EMPTY_LIST
      case 'l': return push(kind::list, pop_to_mark());                   // LIST
      case 'a': return add(kind::list, pop_count(1));                     // APPEND
      case 'e': return add(kind::list, pop_to_mark());                    // APPENDS
      case '}': return push(kind::dict, std::vector<reference>{});        // EMPTY_DICT
      case 's': return add(kind::dict, pop_count(2));                     // SETITEM
      case 'u': return add(kind::dict, pop_to_mark());                    // SETITEMS
      case 0x8f: return push(kind::set, std::vector<reference>{});        // EMPTY_SET
      case 0x90: return add(kind::set, pop_to_mark());                    // ADDITEMS
      case 0x91: return push(kind::set, pop_to_mark());                   // FROZENSET

      case 'q': return remember(number<std::uint8_t>());                  // BINPUT
      case 'r': return remember(number<std::uint32_t>());                 // LONG_BINPUT
      case 0x94: return remember(memo_.size());                           // MEMOIZE
      case 'h': return recall(number<std::uint8_t>());                    // BINGET
      case 'j': return recall(number<std::uint32_t>());                   // LONG_BINGET
      case '2': return stack_.push_back(top());                           // DUP
      case '1': static_cast<void>(pop_to_mark()); return;                 // POP_MARK
      case '0':                                                                   // POP
        if (!marks_.empty() && stack_.size() == floor()) return marks_.pop_back();
        pop();
        return;

      case 'c': {                                                                 // GLOBAL
        const auto module = line();
        return push_global(module, line());
      }
      case 0x93: return push_stack_global();                              // STACK_GLOBAL
      case 'R': case 0x81: return push_call();                            // REDUCE, NEWOBJ
      case 'Q': return push(kind::persistent, pop_count(1));              // BINPERSID
      case 'b':  // BUILD: the attributes of a dictionary (PyTorch's _metadata) are no weights
        pop();
        static_cast<void>(container(kind::dict));
        return;

      default: break;
    }
    refuse("the opcode ", int{opcode}, " is not one that PyTorch writes");
  }
  // clang-format on

  std::string source_;
  detail::byte_view bytes_;
  std::span<const admitted_global> admitted_;
  document document_;
  std::vector<reference> stack_, memo_;
  std::vector<std::size_t> marks_;
  std::size_t begin_ = 0, next_ = 0, op_ = 0, copied_ = 0;
};

}  // namespace retinue::pickle
