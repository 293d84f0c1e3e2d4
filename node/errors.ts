/** Codes of the composed node and of its command line, as far as they stand in no table of a part. What each means; what to do next. */
export const NODE_ERRORS = {
  CONFIG_UNREADABLE: 'The configuration file cannot be read. Check path and permissions.',
  CONFIG_SYNTAX: 'The configuration file is not YAML; the details name line and column.',
  CONFIG_INVALID: 'The configuration breaks a rule, or has a key that does not exist; the details name key, line and rule. See configuration.md.',
  GENESIS_UNREADABLE: 'The genesis file cannot be read, or is not JSON. Check the path in the configuration.',

  NODE_UNKNOWN: 'Neither genesis nor the ledger names a node with this id. Correct `node` in the configuration, or use the right genesis file; a node that joins needs `p2p.peers`.',
  NODE_KEYS_MISMATCH: 'The keystore holds the keys of another node, or those this node had before the members gave it others. Point `keystore` at the right file.',
  NODE_KEYS_AHEAD: 'The ledger of this node names other keys than its keystore. It follows without a vote until it has come to the vote that gave it these keys; when there was none, no other node lets it in. Point `keystore` at the right file, or let the members vote on the change.',
  NODE_KEYS_ROTATED: 'The members voted new keys for this node. Put the new keystore where `keystore` points and start the node again; its data are sound.',
  LEDGER_LOST: 'The data folder tells that this node ran (`found` in the details), and its ledger is gone. Only there stood what the node had voted and attested; with a new ledger it could vote twice in one term, and two histories might both look committed. So it does not start. If the ledger\'s disk is only not mounted, or the path in the configuration is wrong, correct that. Otherwise keep the folder and let the members give this institution another node (`stele member card --renew node --node NEXT`, `stele member propose replace`; docs/membership.md), which starts with an empty data folder. Never empty the folder to start under the old number.',
  ATTESTATION_CONTRADICTED: 'A member signed another block than the one this node has committed at a height; the log holds its signed words. A leader lied to one of the two, or the member lies: one of them follows another history. Compare the block hash at that height with the other members; the node that differs is to be stopped, its folder kept, and replaced (docs/byzantine.md).',
  NODE_REGRESSED: 'A node came back with less than it had: wiped, or restored from a backup. Its votes and acknowledgements are refused; give its member another node by vote (`stele member propose replace`).',
  NODE_REFUSED: 'The other nodes (`by` in the details) refuse this one: its data were wiped or restored from a backup, so it may have forgotten what it vouched for. Stop it, keep its folder, and give its member another node by vote (`stele member propose replace`; docs/membership.md).',
  PRESENCE_UNREADABLE: 'The record of where other nodes stood (presence.json) is damaged. Restore it from this node\'s disk if possible; deleting it makes this node forget which nodes came back with less.',
  NODE_REMOVED: 'The members have removed this node by a vote. Stop it for good; an institution that comes back proposes a new node with a new number.',
  PEERS_FILE_INVALID: 'The file that `p2p.peers` names is not one that `stele member peers` wrote. The details name the rule.',
  BLOCK_PRUNED: 'This node no longer keeps the block and its receipts, or began with a snapshot above it; the details name its first height. Ask a member that keeps more, or look into an archive.',
  NODE_NOT_STARTED: 'The node is still starting. Ask again after a moment, or ask another node.',
  NODE_DIVERGED: 'The cluster has certified another block at a height that this node has committed: its ledger is a fork, and a member lied. The details name the first block, transaction and key that differ. Keep the data folder, it is evidence; replace the node under a new id (docs/byzantine.md).',
  BLOCK_CERTIFIED_ELSEWHERE: 'The cluster has certified a block that this node refused: this node computes another root than the others. The details name height, transaction and key. Start the version the others run.',
  NODE_STOP_STUCK: 'The node was to begin anew (a snapshot to take, damage to mend), and a part of it did not stop; the log names it (`takes long to stop`). The process ends, nothing acknowledged is lost: start it again, and tell the developers.',
  NODE_STOPPING: 'The node is shutting down. Ask another node.',
  VERIFIER_FAILED: 'A thread that verifies signatures ended. The node stops, since it can admit nothing; see the cause, then start it again.',
  DEV_FOLDER_TAKEN: 'A local network cannot be made in this folder: one of its members\' folders is there, and no genesis.json. Choose another --data, or delete the folder if it is left from a run that was killed.',
  CHILD_FAILED: 'A process of a local network did not start. Details hold its exit code or how long it was waited for, what it said last, and its log. On a busy machine, try again.',
  DEV_PORT_IN_USE: 'A port of the local network is taken. Choose another `--port-base`, or leave it out.',

  TX_SIGNATURE_INVALID: 'A signature of the transaction does not verify. Sign the bytes again; nothing was written.',
  TX_CANCELLED: 'The account that signed this transaction has cancelled it (`tx_cancel`). To have it done after all, sign it anew.',
  REQUEST_REPLAYED: 'This signed request was used before. Sign a new one for every call.',
  REQUEST_TIME_OFF: 'The request was signed too long ago, or the clocks of client and node differ by more than a minute. Set the clock, sign anew.',
  PROOF_HEIGHT_UNAVAILABLE: 'The node has no state proof for this height. Leave the height out, which means the newest one.',


  USAGE_DETAILS: 'The file with who asks, on which device and why is absent or has another form: {"who": …, "device": …, "reason": …}.',
  USAGE_GRANTEE: 'A consent names one grantee: give either `--account` or `--member`.',
  USAGE_CODE: 'A code is written system|code, such as http://loinc.org|718-7.',
  USAGE_INPUT: 'A record comes from one place: give either `--fhir` or `--file`.',
  USAGE_SUBJECT: 'The custodian holds no tag key of this account. Was the patient enrolled at this institution?',

  RELEASE_REFUSED: 'Nothing is released on this permit now; the details name the reason. Ask for access anew if it ended or its consent is gone.',
  RELEASE_NO_PERMIT: 'The ledger of this node holds no decision under this request id, not yet or never.',
  RELEASE_NOT_FINAL: 'The permit is committed but not final yet. The custodian tries again by itself.',
  RELEASE_TOO_FEW_HEADS: 'Too few members told their newest block under a fresh nonce; without more than two thirds of them no key is given. Check which nodes are down or cut off.',
  RELEASE_HEAD_NOT_REACHED: 'Another member has appended a newer block that this node has not executed yet. The custodian tries again by itself.',
} as const
export type NodeErrorCode = keyof typeof NODE_ERRORS

/** Refusals inside agreement that stand in logs, never in an answer to a caller. */
export const AGREEMENT_REFUSALS = {
  MESSAGE_MALFORMED: 'A consensus message of another node cannot be read. It is dropped; do all nodes run compatible versions?',
  MESSAGE_INVALID: 'A consensus message contradicts what its sender can know. It is dropped; the sender is faulty.',
  NOT_PROMOTABLE: 'This node has no vote now, or a change of voters is under way: it does not campaign.',
  UNEXECUTED_TAIL: 'This node has received blocks that it has not executed: it does not campaign until it has.',
  READ_NOT_FRESH: 'A linearizable read used a number again. A bug of this program.',
  RECONFIGURATION_INVALID: 'A change of the voters is not possible from the present set.',
} as const
