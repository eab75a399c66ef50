local paxos = Proto("paxos", "Multi-Paxos total-order broadcast")

-- What no declaration holds: names of what the header says, parts of ballots, flags one by one.
fields["paxos.kind_number"] = ProtoField.uint8("paxos.kind_number", "kind number", base.DEC)
fields["paxos.sender"] = ProtoField.string("paxos.sender", "sender", base.ASCII, "Role and id, as in A2.")
for _, flag in ipairs(FLAGS) do
  local bit, word, text = flag[1], flag[2], flag[3]
  local name = "paxos.flags." .. word
  fields[name] = ProtoField.bool(name, word, 8, nil, bit, text)
end

local function declare_ballot(name)
  fields[name] = fields[name] or ProtoField.string(name, "ballot", base.ASCII)
  fields[name .. ".round"] = ProtoField.uint64(name .. ".round", "round", base.DEC)
  fields[name .. ".proposer"] = ProtoField.uint16(name .. ".proposer", "proposer", base.DEC)
  fields[name .. ".incarnation"] = ProtoField.uint64(name .. ".incarnation", "incarnation", base.HEX)
end

for _, kind in pairs(KINDS) do
  local lists = { kind.fields }
  for _, tail in ipairs(kind.tails) do
    lists[#lists + 1] = tail.fields
  end
  for _, list in ipairs(lists) do
    for _, field in ipairs(list) do
      if field[4] == "ballot" then declare_ballot(field[1]) end
      if field[4] == "round" then declare_ballot("paxos.ballot") end
    end
  end
end

local all = {}
for _, field in pairs(fields) do
  all[#all + 1] = field
end
paxos.fields = all

local malformed =
  ProtoExpert.new("paxos.malformed", "malformed packet", expert.group.MALFORMED, expert.severity.ERROR)
local truncated =
  ProtoExpert.new("paxos.truncated", "cut by the capture", expert.group.UNDECODED, expert.severity.NOTE)
paxos.experts = { malformed, truncated }

-- The last part of a name: `decided_until` of `paxos.decided_until`.
local function short(name)
  return name:match("[^.]+$")
end

local function is_zero(range)
  return not range:bytes():tohex():find("[^0]")
end

-- Round, proposer and incarnation as fields below `name`; returns `3.P1`.
local function add_ballot(tree, name, range)
  local round, proposer, incarnation = range(0, 6), range(6, 2), range(8, 8)
  local text = is_zero(range) and "none" or string.format("%s.P%d", round:uint64(), proposer:uint())
  local ballot = tree:add(fields[name], range, text)
  ballot:add(fields[name .. ".round"], round, round:uint64())
  ballot:add(fields[name .. ".proposer"], proposer)
  ballot:add(fields[name .. ".incarnation"], incarnation)
  return text
end

-- The ballot of a 2a: its proposer is the sender.
local function add_own_ballot(tree, range, header)
  local proposer, incarnation = header["paxos.id"], header["paxos.incarnation"]
  local text = string.format("%s.P%d", range:uint64(), proposer:uint())
  local ballot = tree:add(fields["paxos.ballot"], range, text)
  ballot:add(fields["paxos.ballot.round"], range, range:uint64())
  ballot:add(fields["paxos.ballot.proposer"], proposer):set_generated()
  ballot:add(fields["paxos.ballot.incarnation"], incarnation):set_generated()
  return text
end

local function add_flags(tree, name, range)
  local item = tree:add(fields[name], range)
  for _, flag in ipairs(FLAGS) do
    item:add(fields["paxos.flags." .. flag[2]], range)
  end
end

-- Adds a field. Returns what it says for the info column, or nil where it says nothing to a reader in a hurry.
local function add_field(tree, field, range, header)
  local name, form = field[1], field[4]
  if form == "ballot" then
    return add_ballot(tree, name, range)
  elseif form == "round" then
    tree:add(fields[name], range, range:uint64())
    return add_own_ballot(tree, range, header)
  elseif form == "flags" then
    add_flags(tree, name, range)
  elseif form == "zero" then
    local item = tree:add(fields[name], range)
    if not is_zero(range) then
      item:add_proto_expert_info(malformed, "malformed: reserved bits set")
    end
  elseif form == "kind" then
    local kind = KINDS[range:uint()]
    tree:add(fields[name], range, kind and kind.name or "unknown " .. range:uint())
    tree:add(fields["paxos.kind_number"], range)
  elseif form == "number" and range:len() > 4 then
    tree:add(fields[name], range, range:uint64()) -- of 6 bytes, too
    return tostring(range:uint64())
  elseif form == "address" then
    tree:add(fields[name], range)
    return tostring(range:ipv4())
  else
    tree:add(fields[name], range)
    if form == "status" then return STATUSES[range:uint()] or "unknown " .. range:uint() end
    if form == "number" then return tostring(range:uint()) end
    if form == "hex" and not is_zero(range) then return (range:bytes():tohex():lower():gsub("^0+", "")) end
  end
end

-- Adds the fields of a struct; returns their ranges and what they say, by name.
local function add_fields(tree, list, range, header)
  local ranges, says = {}, {}
  for _, field in ipairs(list) do
    local name = field[1]
    ranges[name] = range(field[2], field[3])
    says[name] = add_field(tree, field, ranges[name], header or ranges)
  end
  return ranges, says
end

-- The body in the words of the one-line printer: `3.P1 i7 decided<5`.
local function summary(kind, says)
  local words, counts, ballot = {}, {}, nil
  for _, tail in ipairs(kind.tails) do
    if tail.count then counts[tail.count] = true end
  end
  for _, field in ipairs(kind.fields) do
    local name, say = field[1], says[field[1]]
    local word = short(name)
    if not say or counts[name] then
    elseif name == "paxos.ballot" or field[4] == "round" then
      ballot = say
    elseif word == "instance" then
      words[#words + 1] = "i" .. say
    elseif word:find("_until$") then
      words[#words + 1] = word:gsub("_until$", "<") .. say
    else
      words[#words + 1] = word .. " " .. say
    end
  end
  if ballot then table.insert(words, 1, ballot) end
  return #words > 0 and " " .. table.concat(words, " ") or ""
end

-- A record in the words of the one-line printer.
local titles = {
  ["paxos.entry"] = function(says)
    local name = "paxos.entry."
    return string.format("C%s#%s %s B", says[name .. "client"], says[name .. "number"], says[name .. "length"])
  end,
  ["paxos.range"] = function(_, ranges)
    local first, count = ranges["paxos.range.first"]:uint64(), ranges["paxos.range.count"]:uint64()
    return string.format("[%s..%s)", first, first + count)
  end,
  ["paxos.run"] = function(says, ranges)
    local first, count = ranges["paxos.run.first"]:uint64(), ranges["paxos.run.count"]:uint64()
    return string.format("[%s..%s) in %s", first, first + count, says["paxos.run.ballot"])
  end,
  ["paxos.ack"] = function(says)
    local name = "paxos.ack."
    local decided, received = says[name .. "decided_until"], says[name .. "received_until"]
    local status = says[name .. "status"]
    status = status == "open" and "" or " " .. status
    return string.format("C%s%s decided<%s received<%s", says[name .. "client"], status, decided, received)
  end,
  ["paxos.member"] = function(says)
    return string.format("A%s life %s", says["paxos.member.id"], says["paxos.member.life"] or "0")
  end,
  ["paxos.heard"] = function(says)
    local name = "paxos.heard."
    local groups = string.format("%s+%s+%s+%s", says[name .. "clients"], says[name .. "proposers"],
      says[name .. "acceptors"], says[name .. "learners"])
    return string.format("O%s: %s of %s direct %s of %s", says[name .. "id"], groups, says[name .. "rounds"],
      says[name .. "direct"], says[name .. "direct_rounds"])
  end,
  ["paxos.known"] = function(says)
    return "life " .. (says["paxos.known.life"] or "0")
  end,
}

-- Adds one part of the tail. Returns where it ends, or nil and why it does not fit; adds a title for each record.
local function add_tail(tree, tail, packet, at, body, header, said)
  if not tail.record then
    if at == packet:len() then return nil, "no bytes" end
    tree:add(fields[tail.bytes], packet(at))
    said[#said + 1] = (packet:len() - at) .. " B"
    return packet:len()
  end
  local count, max = math.huge, tail.max or math.huge
  if tail.count then count = body[tail.count]:uint() end
  if count ~= math.huge and count > max then return nil, "more of a kind of record than may be" end
  local index = 0
  while index < count and (tail.count or at < packet:len()) do
    if index == max then return nil, "more of a kind of record than may be" end
    if at + tail.size > packet:len() then return nil, "a record that is not whole" end
    local item = tree:add(packet(at, tail.size), short(tail.record))
    local ranges, says = add_fields(item, tail.fields, packet(at, tail.size), header)
    local size = tail.size
    if tail.length then
      local length = ranges[tail.length]:uint()
      if length == 0 then return nil, "an entry without bytes" end
      if at + size + length > packet:len() then return nil, "an entry that is not whole" end
      item:add(fields[tail.bytes], packet(at + size, length))
      size = size + length
      item:set_len(size)
    end
    local title = titles[tail.record](says, ranges)
    item:set_text(short(tail.record) .. " " .. index .. ": " .. title)
    if tail.record ~= "paxos.known" then said[#said + 1] = title end
    at, index = at + size, index + 1
  end
  return at
end

-- What a packet begins with: not sealed, sealed, or sealed and encrypted; and how many bytes prove it.
local MAGICS = { PX = 0, PS = 16, PE = 16 }

-- How many records the info column names.
local NAMED_MAX = 8

-- Shows the packet in `packet`, a range with all of its bytes. Returns its line for the info column.
local function show_packet(packet, tree)
  local length = packet:len()
  local function refuse(reason)
    tree:add_proto_expert_info(malformed, "malformed: " .. reason)
    return "malformed: " .. reason
  end
  if length < HEADER_LEN then
    return refuse(string.format("too short: %d of %d bytes", length, HEADER_LEN))
  end
  local version = packet(2, 1):uint()
  if version ~= VERSION then
    tree:add(fields["paxos.version"], packet(2, 1))
    return refuse(string.format("version %d, not %d", version, VERSION))
  end
  local header = add_fields(tree, HEADER, packet(0, HEADER_LEN))
  local role, number = header["paxos.role"]:uint(), header["paxos.kind"]:uint()
  if header["paxos.length"]:uint() ~= length then
    return refuse(string.format("says %d bytes, has %d", header["paxos.length"]:uint(), length))
  end
  local sender = (LETTERS[role] or "?") .. header["paxos.id"]:uint()
  tree:add(fields["paxos.sender"], packet(6, 4), sender)
  local kind = KINDS[number]
  if not kind then return refuse("unknown kind " .. number) end
  local line = sender .. " " .. kind.name
  tree:append_text(": " .. line)
  if not LETTERS[role] then return refuse("unknown role " .. role) end
  if not kind.senders[role] then
    return refuse(string.format("a %s does not send %s", ROLES[role], kind.name))
  end
  -- From the highest bit down, without operators that only some versions of Lua have.
  local flags, known, words = header["paxos.flags"]:uint(), kind.flags, ""
  for i = #FLAGS, 1, -1 do
    local bit, word = FLAGS[i][1], FLAGS[i][2]
    local set, may = flags >= bit, known >= bit
    if set then flags = flags - bit end
    if may then known = known - bit end
    if set and not may then return refuse("reserved bits set in flags") end
    if set then words = " (" .. word .. ")" .. words end
  end
  local magic = packet(0, 2):string()
  if MAGICS[magic] > 0 then
    -- Nothing here has the key, so nothing is checked.
    local body_end = length - MAGICS[magic]
    if body_end < HEADER_LEN then return refuse("too short to be sealed") end
    tree:add(packet(body_end), "Proof (" .. (length - body_end) .. " bytes, not checked)")
    if magic == "PE" then
      tree:add(packet(HEADER_LEN, body_end - HEADER_LEN), "Encrypted (" .. (body_end - HEADER_LEN) .. " bytes)")
      tree:append_text(", encrypted")
      return line .. ", encrypted"
    end
    packet, length = packet(0, body_end), body_end
  end
  if length < HEADER_LEN + kind.size then return refuse("body of " .. kind.name .. " has a wrong length") end
  local body, says = add_fields(tree, kind.fields, packet(HEADER_LEN, kind.size), header)
  line = line .. summary(kind, says)
  local at, said = HEADER_LEN + kind.size, {}
  for _, tail in ipairs(kind.tails) do
    local reason
    at, reason = add_tail(tree, tail, packet, at, body, header, said)
    if not at then return refuse("body of " .. kind.name .. " has a wrong length: " .. reason) end
  end
  if at < length then return refuse("body of " .. kind.name .. " has a wrong length") end
  if #said > NAMED_MAX then
    said = { table.concat(said, ", ", 1, NAMED_MAX), "and " .. (#said - NAMED_MAX) .. " more" }
  end
  if #said > 0 then
    line = line .. ": " .. table.concat(said, ", ")
  elseif #kind.tails == 1 and kind.tails[1].record == "paxos.entry" then
    line = line .. ": no-op"
  end
  tree:append_text(summary(kind, says) .. words)
  return line .. words
end

-- How many packets of a datagram the info column names.
local LINES_MAX = 4

-- A datagram holds one packet, or a run of them that the kernel was handed, or received, as one.
function paxos.dissector(datagram, info, root)
  info.cols.protocol = "PAXOS"
  local lines, at = {}, 0
  local sent, there = datagram:reported_len(), datagram:len()
  while at < sent do
    local length = sent - at
    if at + 6 <= there and MAGICS[datagram(at, 2):string()] then
      local said = datagram(at + 4, 2):uint()
      if said >= HEADER_LEN and said < length then length = said end
    end
    if at + length > there then
      local text = string.format("truncated by the capture: %d of %d bytes", there - at, length)
      root:add(paxos, datagram(at), "Paxos"):add_proto_expert_info(truncated, text)
      lines[#lines + 1] = text
      break
    end
    local packet = datagram(at, length)
    local tree = root:add(paxos, packet, "Paxos")
    if length >= 2 and MAGICS[packet(0, 2):string()] then
      lines[#lines + 1] = show_packet(packet, tree)
    else
      tree:add_proto_expert_info(malformed, "malformed: not ours: wrong magic")
      lines[#lines + 1] = "malformed: not ours: wrong magic"
    end
    at = at + length
  end
  if #lines > LINES_MAX then
    lines = { table.concat(lines, " | ", 1, LINES_MAX), "and " .. (#lines - LINES_MAX) .. " more" }
  end
  info.cols.info = table.concat(lines, " | ")
  return datagram:len()
end

-- Ours is what begins with the magic and our version; or with the magic and a length that fits, to name the version.
paxos:register_heuristic("udp", function(datagram, info, root)
  if datagram:len() < 6 or not MAGICS[datagram(0, 2):string()] then return false end
  local said = datagram(4, 2):uint()
  local fits = said >= HEADER_LEN and said <= datagram:reported_len()
  if datagram(2, 1):uint() ~= VERSION and not fits then return false end
  paxos.dissector(datagram, info, root)
  return true
end)

-- For "Decode As…", where the heuristic is off.
DissectorTable.get("udp.port"):add_for_decode_as(paxos)
